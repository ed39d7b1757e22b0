"""The execution plan: everything the bytes depend on, kept word for word in the ledger."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nstd.errors import LedgerError
from nstd.painting.plan import ExecutionPlan, installed_versions

counts = st.integers(1, 1024)
plans = st.builds(
    ExecutionPlan,
    device=st.sampled_from(["cpu", "cuda", "mps"]),
    processor=st.text(),
    dtype=st.sampled_from(["float32", "float64"]),
    threads=counts,
    history=counts,
    versions=st.dictionaries(st.text(), st.text()),
    machine=st.text(),
    encoder=st.sampled_from(["software", "nvenc"]),
)


@given(plans)
def test_it_comes_back_from_json_as_it_was(plan: ExecutionPlan) -> None:
    assert ExecutionPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_every_field_makes_it_another_plan() -> None:
    plan = ExecutionPlan(device="cpu", processor="AVX2")
    others = {
        "device": "cuda", "processor": "AVX512", "dtype": "float64", "threads": 2,
        "history": 5, "versions": {"torch": "0"}, "machine": "other", "encoder": "nvenc",
    }  # fmt: skip
    assert others.keys() == {field.name for field in fields(ExecutionPlan)}
    for name, value in others.items():
        assert replace(plan, **{name: value}) != plan  # type: ignore[arg-type]


def test_a_plan_of_another_version_is_refused_with_what_to_do() -> None:
    plan = ExecutionPlan(device="cpu", processor="AVX2").to_json()
    with pytest.raises(LedgerError, match="warp") as caught:
        ExecutionPlan.from_json(plan | {"warp": 9})
    assert "Finish the job with the version that began it" in str(caught.value)
    del plan["device"]
    with pytest.raises(LedgerError, match="device"):
        ExecutionPlan.from_json(plan)


def test_the_versions_are_those_of_what_computes() -> None:
    versions = installed_versions()
    assert {"torch", "av", "nstd"} <= set(versions)
    assert all(version[0].isdigit() for version in versions.values())
