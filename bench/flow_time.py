"""Time to find the flow between a film's frames, as painting takes it.

    python bench/flow_time.py FILM [--sizes 640x360,1280x720] [--frames 8] [--threads 1,2]

Prints for each size and number of threads: the seconds a pair of frames takes, from the request for
the first pair until the last one is there; the speedup over the first number of threads; and the
share of the time that is DIS itself, the rest being `nstd.flow.fusion`. OpenCV has one thread here,
so that threads are not counted twice.
"""

import argparse
import time
from itertools import pairwise
from pathlib import Path

import cv2
import torch

from nstd.flow import Checked, Dis, Pictured, with_flows
from nstd.flow.estimator import ImageU8
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames


def seconds(pictures: list[ImageU8], threads: int) -> float:
    """Of one pair."""
    start = time.perf_counter()
    with with_flows(
        [Pictured(None, picture, begins_shot=False) for picture in pictures],
        Checked(Dis(), "dis"),
        [1],
        depth=threads + 3,
        threads=threads,
    ) as flowed:
        count = sum(len(one.flows) for one in flowed)
    return (time.perf_counter() - start) / count


def alone(pictures: list[ImageU8]) -> float:
    """The same by DIS alone, in this thread."""
    start = time.perf_counter()
    for pair in pairwise(pictures):
        Dis().estimate(*pair)
    return (time.perf_counter() - start) / (len(pictures) - 1)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    parser.add_argument("--sizes", default="640x360,1280x720")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--first", type=int, default=40)
    parser.add_argument("--threads", default="1,2")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    last = arguments.first + arguments.frames
    frames = list(read_frames(arguments.film, probe(arguments.film), arguments.first, last))
    print("| size | threads | s a pair | times as fast | DIS itself |\n|---|---|---|---|---|")
    for size in arguments.sizes.split(","):
        width, height = map(int, size.split("x"))
        pictures = [cv2.resize(one.image, (width, height)) for one in frames]
        own, first = alone(pictures), 0.0
        for threads in map(int, arguments.threads.split(",")):
            found = seconds(pictures, threads)
            first = first or found
            share = f"{own / found:.0%}" if found == first else ""
            print(f"| {size} | {threads} | {found:.2f} | {first / found:.2f} | {share} |")


if __name__ == "__main__":
    main()
