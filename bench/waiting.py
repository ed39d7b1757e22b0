"""How OpenMP's threads should wait for each other: spinning (active) or sleeping (passive).

    python bench/waiting.py [--busy 0,2,4]

Times a step of the quarter-width network at 256×144 px in a fresh process for each policy, alone
and beside other busy processes. Prints milliseconds, and the ratio of active to passive.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

POLICIES = ("default", "active", "passive")
HOG = "while True: pass"


def step_milliseconds(policy: str, folder: Path) -> float:
    """Of one fresh process."""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    if policy != "default":
        environment["OMP_WAIT_POLICY"] = policy
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
    print(
        f"{'busy':>6}" + "".join(f"{policy + ' ms':>14}" for policy in POLICIES) + f"{'ratio':>8}"
    )
    for count in map(int, arguments.busy.split(",")):
        hogs = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(count)]
        try:
            with tempfile.TemporaryDirectory() as folder:
                times = [step_milliseconds(policy, Path(folder)) for policy in POLICIES]
        finally:
            for hog in hogs:
                hog.kill()
                hog.wait()
        cells = "".join(f"{one:14.1f}" for one in times)
        print(f"{count:>6}{cells}{times[1] / times[2]:8.1f}", flush=True)


if __name__ == "__main__":
    main()
