"""HDR becomes SDR by the standards' formulas, which are written here independently."""

import math

import numpy as np
import pytest

from nstd.media.read.hdr import ToneMap

PQ, HLG = 16, 18
BT2020 = 9
WHITE = 203.0


def pq_of(light: float) -> float:
    """BT.2100, table 4: the inverse EOTF."""
    y = (light / 10000) ** 0.1593017578125
    return float(((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)


def light_of(code: float) -> float:
    """BT.2100, table 4: the EOTF, in cd/m²."""
    e = code ** (1 / 78.84375)
    return float(
        10000 * (max(e - 0.8359375, 0) / (18.8515625 - 18.6875 * e)) ** (1 / 0.1593017578125)
    )


def display_of_hlg(rgb: list[float]) -> list[float]:
    """BT.2100, table 5: inverse OETF, then the OOTF of a display of 1,000 cd/m²."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = [x * x / 3 if x <= 0.5 else (math.exp((x - c) / a) + b) / 12 for x in rgb]
    luminance = 0.2627 * scene[0] + 0.6780 * scene[1] + 0.0593 * scene[2]
    return [1000 * luminance**0.2 * one for one in scene]


def eetf(light: float, peak: float) -> float:
    """BT.2390, from a display of `peak` to one of `WHITE`, both of black 0."""
    e1, most = pq_of(light) / pq_of(peak), pq_of(WHITE) / pq_of(peak)
    start = 1.5 * most - 0.5
    if e1 >= start:
        t = (e1 - start) / (1 - start)
        e1 = (
            (2 * t**3 - 3 * t**2 + 1) * start
            + (t**3 - 2 * t**2 + t) * (1 - start)
            + (-2 * t**3 + 3 * t**2) * most
        )
    return light_of(e1 * pq_of(peak))


def expected(rgb: list[float], transfer: int, peak: float) -> list[float]:
    """Code values of BT.709, 0 to 255."""
    light = display_of_hlg(rgb) if transfer == HLG else [min(light_of(x), peak) for x in rgb]
    brightest = max(light)
    share = eetf(brightest, peak) / brightest if brightest else 0.0
    r, g, b = (one * share / WHITE for one in light)
    # ITU-R BT.2087, the inverse of its table 2.
    linear = [
        1.6605 * r - 0.5876 * g - 0.0728 * b,
        -0.1246 * r + 1.1329 * g - 0.0083 * b,
        -0.0182 * r - 0.1006 * g + 1.1187 * b,
    ]
    return [255 * min(max(one, 0), 1) ** (1 / 2.4) for one in linear]


@pytest.mark.parametrize(
    ("transfer", "peak"), [(HLG, 1000.0), (PQ, 400.0), (PQ, 1000.0), (PQ, 4000.0)]
)
def test_colors_are_those_of_the_formulas(transfer: int, peak: float) -> None:
    steps = [0.0, 0.1, 0.35, 0.5, 0.62, 0.75, 0.9, 1.0]
    colors = [[r, g, b] for r in steps for g in steps for b in steps]
    codes = np.rint(np.array([colors]) * 65535).astype(np.uint16)
    found = ToneMap(BT2020, transfer, peak).converted(codes)[0] / 257
    wanted = np.array([expected(color, transfer, peak) for color in colors])
    # The matrix has four digits above; a component near 0 is steep in the display's curve.
    assert np.abs(found - wanted).max() < 1
    assert np.abs(found - wanted).mean() < 0.1


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_gray_stays_gray_and_ascends_to_white(transfer: int) -> None:
    ramp = np.arange(65536, dtype=np.uint16)
    found = ToneMap(BT2020, transfer).converted(np.dstack([ramp] * 3))[0].astype(int)
    # To a sixteenth of a code value of eight bits.
    assert np.abs(found - found[:, :1]).max() <= 16
    assert np.diff(found[:, 1]).min() >= -16
    assert (found[0].max(), found[-1].min()) == (0, 65535)


def test_white_of_diffuse_things_is_nine_tenths_of_white() -> None:
    for transfer, code in ((HLG, 0.75), (PQ, pq_of(WHITE))):
        white = np.full((1, 1, 3), round(code * 65535), np.uint16)
        assert ToneMap(BT2020, transfer).converted(white).mean() / 65535 == pytest.approx(
            0.9, abs=0.01
        )


def test_eight_bits_are_converted_as_sixteen() -> None:
    image = np.random.default_rng(3).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    tone = ToneMap(BT2020, HLG)
    deep = tone.converted(image.astype(np.uint16) * 257) / 257
    assert np.abs(tone.converted(image) - deep).max() <= 0.51
