"""Rates, beginnings, edit lists: each frame at its time, and sound with it."""

from tests.media.case import H264, PICTURE, SOUND, Case

_RATES = {
    # name: the test picture
    "23.976": "testsrc2=s=96x64:r=24000/1001:d=0.5",
    "24": "testsrc2=s=96x64:r=24:d=0.5",
    "29.97": "testsrc2=s=96x64:r=30000/1001:d=0.5",
    "50": "testsrc2=s=96x64:r=50:d=0.3",
    "59.94": "testsrc2=s=96x64:r=60000/1001:d=0.3",
    "1": "testsrc2=s=96x64:r=1:d=5",
    "240": "testsrc2=s=96x64:r=240:d=0.1",
    "12.5": "testsrc2=s=96x64:r=25/2:d=0.8",
    "119.88": "testsrc2=s=96x64:r=120000/1001:d=0.15",
    "vfr": f"{PICTURE},settb=1/90000,setpts='N*3600+mod(N*N,7)*400'",
    "vfr-gap": f"{PICTURE},settb=1/90000,setpts='N*3600+gte(N,6)*180000'",
}

CASES = [
    Case(
        name=f"rate-{name}-{source}-{to}",
        source=source,
        picture=picture,
        make=f"{H264} -c:a aac -fps_mode passthrough -enc_time_base {_BASE[name[:3]]}"
        if name.startswith("vfr")
        else f"{H264} -c:a aac",
        to=to,
    )
    for _BASE in ({"vfr": "1/90000"},)
    for name, picture in _RATES.items()
    for source, to in (("mp4", "mp4"), ("mp4", "mkv"), ("mkv", "mp4"))
    if source == to == "mp4" or name in {"23.976", "29.97", "vfr", "1"}
]

_LATE_PICTURE = f"{PICTURE},setpts=PTS+0.2/TB"
_LATE_SOUND = "aevalsrc='0.4*sin(2*PI*(300*t+1500*t*t))':s=48000:d=0.48,asetpts=PTS+0.2/TB"

_LONG = (
    "-f lavfi -i testsrc2=s=96x64:r=25:d=2"
    " -f lavfi -i aevalsrc='0.4*sin(2*PI*(300*t+500*t*t))':s=48000:d=2"
    " -c:v libx264 -g 50 -bf 2 -pix_fmt yuv420p -c:a aac {folder}/long.mp4"
)

_BEGINNINGS = {
    "late-picture": ("mp4", _LATE_PICTURE, SOUND, f"{H264} -c:a aac"),
    "late-sound": ("mp4", PICTURE, _LATE_SOUND, f"{H264} -c:a aac"),
    "late-picture-ts": ("ts", _LATE_PICTURE, SOUND, f"{H264} -c:a aac"),
    "late-sound-mkv": ("mkv", PICTURE, _LATE_SOUND, f"{H264} -c:a aac"),
    "both-at-5-s": ("mkv", PICTURE, SOUND, f"{H264} -c:a aac -output_ts_offset 5"),
    "ts-at-an-hour": ("ts", PICTURE, SOUND, f"{H264} -c:a aac -output_ts_offset 3600"),
    "ts-wraps": ("ts", PICTURE, SOUND, f"{H264} -c:a mp2 -output_ts_offset 95443.4"),
    "edit-cut": (
        "mp4", PICTURE, SOUND, f"{_LONG};;-ss 0.5 -i {{folder}}/long.mp4 -c copy -t 0.8"),
    "negative": (
        "mkv", PICTURE, SOUND, (f"{_LONG};;-i {{folder}}/long.mp4 -t 0.6 -c copy"
        " -output_ts_offset -0.2 -avoid_negative_ts disabled")),
    "b-frames": (
        "mp4", PICTURE, SOUND, "-c:v libx264 -bf 3 -b_strategy 0 -pix_fmt yuv420p -c:a aac"),
    "open-gop-cut": (
        "mkv", PICTURE, SOUND, f"{_LONG};;-ss 0.5 -i {{folder}}/long.mp4 -c copy -t 0.8"),
}  # fmt: skip

CASES += [
    Case(
        name=f"begins-{name}-{to}",
        source=suffix,
        picture=picture,
        sound=sound,
        make=make,
        to=to,
        # ffprobe leaves out what is before 0.
        differs=("length",) if name == "negative" else (),
    )
    for name, (suffix, picture, sound, make) in _BEGINNINGS.items()
    for to in ("mp4", "mkv", "mov")
    if to != "mov" or name in {"late-picture", "edit-cut", "late-sound", "negative"}
]
