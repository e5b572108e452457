"""Nothing is dialled that the guard refuses, however it is spelled."""

from __future__ import annotations

import pytest

from probes import guard
from probes.contract import Outcome, Reason
from probes.guard import PUBLIC_ONLY, Policy
from tests.probes.conftest import Check

EVERYTHING = Policy.of(["0.0.0.0/0", "::/0"])

FORBIDDEN = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.255.255.254 169.254.1.1 172.16.0.1
172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1
100::1 100:0:0:1::1 2001::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:808:808:: 3fff::1 5f00::1
fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1
""".split()  # noqa: SIM905  # a table

METADATA = """
169.254.169.254 169.254.170.2 100.100.100.200 192.0.0.192 168.63.129.16 fd00:ec2::254 fd20:ce::254
::ffff:169.254.169.254 ::169.254.169.254 ::ffff:0:a9fe:a9fe 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe:: 2002:a83f:8110::
2001:0:a9fe:a9fe:: 2001:0:0:0:0:0:5601:5601
""".split()  # noqa: SIM905  # a table

PUBLIC = "8.8.8.8 1.1.1.1 93.184.216.34 100.63.255.255 172.32.0.1 2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8".split()  # noqa: SIM905

SPELLINGS = """
127.0.0.1 localhost LOCALHOST localhost. www.localhost [::1] ::1 0.0.0.0 0 2130706433 0x7f000001 0x7f.1 0177.0.0.1
0177.0.0.01 127.1 127.0.1 ①②⑦.⓪.⓪.① 127。0。0。1 127.0.0.1. ::ffff:7f00:1 [::ffff:127.0.0.1] ip6-localhost 017700000001
""".split()  # noqa: SIM905  # a table


@pytest.mark.parametrize("address", FORBIDDEN)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert guard.refusal(address)


@pytest.mark.parametrize("address", METADATA)
def test_metadata_is_refused_even_when_everything_is_allowed(address: str) -> None:
    assert guard.refusal(address, EVERYTHING)
    assert guard.refusal(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_allowed(address: str) -> None:
    assert guard.refusal(address) is None


@pytest.mark.parametrize("nonsense", ["", "example.org", "127.1", "1.2.3.4.5", "1.2.3.4/8", "::1::"])
def test_what_is_no_address_is_refused(nonsense: str) -> None:
    assert guard.refusal(nonsense, EVERYTHING)


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        (["127.0.0.0/8"], "127.0.0.1", True),
        (["127.0.0.0/8"], "::ffff:127.0.0.1", True),
        (["127.0.0.0/8"], "::127.0.0.1", False),
        (["127.0.0.0/8"], "64:ff9b::7f00:1", False),
        (["127.0.0.0/8"], "::1", False),
        (["10.1.0.0/16"], "10.1.2.3", True),
        (["10.1.0.0/16"], "10.2.2.3", False),
        (["10.1.2.3"], "10.1.2.3", True),
        (["10.1.2.3/16"], "10.1.9.9", True),
        (["fd00::/8"], "fd12::1", True),
    ],
)
def test_networks_that_the_operator_opens(networks: list[str], address: str, allowed: bool) -> None:
    assert (guard.refusal(address, Policy.of(networks)) is None) is allowed


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_this_machine_is_refused_at_save_in_every_spelling(spelling: str) -> None:
    assert guard.refusal_for_host(spelling)
    assert guard.refusal_for_host(spelling, Policy.of(["127.0.0.0/8", "::1", "0.0.0.0/8"])) is None


@pytest.mark.parametrize(
    "host", ["example.org", "localhost.example.org", "1.1.1.1", "a.b", "x--y.test", "notlocalhost"]
)
def test_a_name_that_only_dns_can_judge_passes_at_save(host: str) -> None:
    assert guard.refusal_for_host(host, PUBLIC_ONLY) is None


@pytest.mark.parametrize("host", [*METADATA, "2852039166", "0xa9fea9fe", "169.16689662"])
def test_nothing_forbidden_is_dialled(host: str, check: Check) -> None:
    result = check(f"http://[{host}]/" if ":" in host else f"http://{host}/")

    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.ADDRESS_BLOCKED)
    assert result.remote_ip is None
