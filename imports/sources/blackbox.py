"""Prometheus with the blackbox_exporter: the scrape configuration in YAML.

What a module does stands in the exporter's own file. Put its ``modules:`` into the same file and they are read; without
them the usual names (http_2xx, tcp_connect, icmp ...) say enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from imports.plain import Export, Found, LeftOut, Unreadable
from imports.reading import read_yaml
from imports.sources import common
from imports.sources.common import items, mapping, text
from probes.sentences import say

TOOL = "blackbox_exporter"
PROBERS = ("http", "tcp", "icmp", "dns", "grpc", "unix")
DISCOVERED = ("_sd_configs",)
NOT_READ = {
    "fail_if_header_matches": say("headers that must not match"),
    "fail_if_header_not_matches": say("headers that must match"),
    "fail_if_not_ssl": say("that it must be TLS: give it an https:// address"),
    "compression": say("its compression"),
    "oauth2": say("its OAuth 2"),
    "bearer_token": say("its bearer token"),
    "authorization": say("its authorization"),
    "proxy_url": say("its proxy"),
}

Row = Mapping[str, Any]


def read(data: bytes) -> Export:
    found = mapping(read_yaml(data))
    if not isinstance(found.get("scrape_configs"), list):
        raise Unreadable(
            say("This does not look like a configuration of Prometheus: there is no list 'scrape_configs'.")
        )
    usual = common.span_s(mapping(found.get("global")).get("scrape_interval")) or 60
    modules = mapping(found.get("modules"))
    jobs = [mapping(job) for job in found["scrape_configs"]]
    probing = [job for job in jobs if text(job.get("metrics_path")) == "/probe"]
    losses = [say("Alerting rules and relabelling of Prometheus are not part of the import.")]
    losses += [
        say("Job {job}: targets that Prometheus discovers are not in the file.", job=repr(text(job.get("job_name"))))
        for job in probing
        if any(name.endswith(DISCOVERED) for name in job)
    ]
    if not modules:
        losses.append(
            say("What the modules do is taken from their names, as the file has no 'modules' of the exporter.")
        )
    return common.gather((one for job in probing for one in _targets(job, modules, usual)), losses=losses)


def _targets(job: Row, modules: Row, usual: int) -> Iterator[Found | LeftOut]:
    name = text(job.get("job_name"))
    module = text(next(iter(items(mapping(job.get("params")).get("module"))), "")) or "http_2xx"
    for group in map(mapping, items(job.get("static_configs"))):
        labels = [f"{key}: {text(value)}" for key, value in mapping(group.get("labels")).items()]
        for target in map(text, items(group.get("targets"))):
            pk = f"{name}/{module}/{target}"
            made = _spec(module, mapping(modules.get(module)), target)
            if made is None:
                yield LeftOut(pk, target[:200], common.no_counterpart(TOOL, module))
                continue
            kind, spec, lost = made
            tags, lost_tags = common.tags_of(name, *labels)
            yield Found(
                foreign_id=pk,
                name=target.removeprefix("https://").removeprefix("http://").rstrip("/")[:200],
                kind=kind,
                spec=spec,
                interval=common.span_s(job.get("scrape_interval")) or usual,
                timeout=common.span_s(mapping(modules.get(module)).get("timeout") or job.get("scrape_timeout")),
                tags=tags,
                losses=(*lost, *lost_tags),
            )


def _spec(module: str, defined: Row, target: str) -> tuple[str, dict[str, Any], list[str]] | None:
    prober = text(defined.get("prober")) or _prober_of(module)
    host, port = common.host_and_port(target)
    if prober == "http":
        return _web(module, mapping(defined.get("http")), target)
    if prober == "icmp":
        return "ping", {"host": host}, []
    if prober == "tcp":
        return _tcp(module, mapping(defined.get("tcp")), host, port)
    if prober == "dns":
        asked = mapping(defined.get("dns"))
        server = f"[{host}]" if ":" in host else host
        spec = {"name": text(asked.get("query_name")).rstrip("."), "nameserver": f"{server}:{port or 53}"}
        return "dns", spec | {"record_type": text(asked.get("query_type")) or "A"}, []
    return None


def _prober_of(module: str) -> str:
    named = next((prober for prober in PROBERS if module.startswith(prober)), "")
    return named or ("tcp" if module.endswith(("_banner", "_connect", "_tls")) else "")


def _tcp(module: str, told: Row, host: str, port: int | None) -> tuple[str, dict[str, Any], list[str]]:
    if told.get("tls") is True or module.endswith("_tls"):
        return "tls", {"host": host, "port": port}, []
    lost = (
        [say("its conversation (query_response): only the connection is tried")] if told.get("query_response") else []
    )
    return "tcp", {"host": host, "port": port}, lost


def _web(module: str, told: Row, target: str) -> tuple[str, dict[str, Any], list[str]]:
    method = text(told.get("method")).upper() or ("POST" if module.startswith("http_post") else "GET")
    login = mapping(told.get("basic_auth"))
    headers = common.headers_of(told.get("headers")) | common.basic_auth(login.get("username"), login.get("password"))
    lost = [words for name, words in NOT_READ.items() if told.get(name)]
    if login.get("password_file"):
        lost.append(say("its password, which is in another file"))
    wanted, unwanted = (items(told.get(f"fail_if_body_{name}_regexp")) for name in ("not_matches", "matches"))
    if unwanted or len(wanted) > 1:
        lost.append(say("patterns that the text must not match, or more than one that it must"))
    spec = common.http_spec(
        target if "://" in target else f"http://{target}",
        method=method,
        headers=headers,
        body=told.get("body") or None,
        follow_redirects=told.get("follow_redirects") is not False and told.get("no_follow_redirects") is not True,
        verify_tls=mapping(told.get("tls_config")).get("insecure_skip_verify") is not True,
        expected_status=",".join(map(text, items(told.get("valid_status_codes")))) or "200-299",
        body_matches=text(wanted[0]) if len(wanted) == 1 else None,
    )
    return "http", spec, lost
