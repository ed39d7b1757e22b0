"""How long OpenMP's threads should spin while they wait for each other.

    python bench/waiting.py [--busy 0,2,4]

Times a step of the quarter-width network at 256×144 px in a fresh process for each way, alone and
beside other busy processes. Prints milliseconds, and the ratio of the default to nstd's choice.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

WAYS = {
    "default": {},
    "chosen": {"GOMP_SPINCOUNT": "10000"},
    "spin 100000": {"GOMP_SPINCOUNT": "100000"},
    "passive": {"OMP_WAIT_POLICY": "passive"},
}
HOG = "while True: pass"


def step_milliseconds(way: str, folder: Path) -> float:
    """Of one fresh process."""
    waiting = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}
    environment = {key: value for key, value in os.environ.items() if key not in waiting}
    environment |= WAYS[way]
    script = Path(__file__).with_name("step_time.py")
    command = [sys.executable, str(script), "--sizes", "256x144", "--networks", "quarter"]
    done = subprocess.run(
        command, env=environment, cwd=folder, check=True, capture_output=True, text=True
    )
    return float(done.stdout.splitlines()[-1].split()[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", default="0,2,4", help="numbers of busy processes beside it")
    arguments = parser.parse_args()
    print(f"{'busy':>6}" + "".join(f"{way + ' ms':>16}" for way in WAYS) + f"{'ratio':>8}")
    for count in map(int, arguments.busy.split(",")):
        hogs = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(count)]
        try:
            with tempfile.TemporaryDirectory() as folder:
                times = [step_milliseconds(way, Path(folder)) for way in WAYS]
        finally:
            for hog in hogs:
                hog.kill()
                hog.wait()
        cells = "".join(f"{one:16.1f}" for one in times)
        print(f"{count:>6}{cells}{times[0] / times[1]:8.1f}", flush=True)


if __name__ == "__main__":
    main()
