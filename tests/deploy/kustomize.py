"""What `kubectl kustomize` makes of a folder, for machines without a kubectl.

It knows what the folders here use, and refuses the rest; where there is a kubectl, a test holds the two together. Only
the hash at the end of a generated name is left out.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
KIND = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
KNOWN = {*KIND, "namespace", "labels", "resources", "configMapGenerator", "images", "patches"}
CLUSTER_WIDE = {"Namespace"}
SELECTORS = {
    "StatefulSet": ("spec.selector.matchLabels", "spec.template.metadata.labels"),
    "PodDisruptionBudget": ("spec.selector.matchLabels",),
    "NetworkPolicy": ("spec.podSelector.matchLabels",),
    "Service": ("spec.selector",),
}
MERGED_BY = {"containers": "name", "volumes": "name", "volumeMounts": "mountPath"}
"""Lists whose items are merged with those of a patch, and what tells that two are the same."""


def build(folder: Path) -> list[Object]:
    """The objects of a folder with a kustomization.yaml. Raises ValueError for what this does not know."""
    said = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if said.keys() - KNOWN or not KIND.items() <= said.items():
        raise ValueError(f"{folder} uses {said.keys() - KNOWN}, or is of another kind than {KIND}")
    objects = [each for name in said["resources"] for each in _resource(folder / name)]
    for generator in said.get("configMapGenerator", []):
        _generate(objects, **generator)
    for patch in said.get("patches", []):
        _apply(objects, patch, folder)
    for each in objects:
        if "namespace" in said and each["kind"] not in CLUSTER_WIDE:
            each["metadata"]["namespace"] = said["namespace"]
        for labels in said.get("labels", []):
            _label(each, labels["pairs"], selectors=labels["includeSelectors"])
        for image in said.get("images", []):
            _tag(each, image["name"], image["newTag"])
    return objects


def _resource(path: Path) -> list[Object]:
    return build(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))


def _generate(objects: list[Object], name: str, literals: list[str], behavior: str = "create") -> None:
    data = dict(pair.split("=", 1) for pair in literals)
    there = [each for each in objects if (each["kind"], each["metadata"]["name"]) == ("ConfigMap", name)]
    if bool(there) != (behavior == "merge"):
        raise ValueError(f"{behavior} {name}: there are {len(there)} of that name")
    if there:
        there[0]["data"].update(data)
    else:
        objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})


def _apply(objects: list[Object], patch: Object, folder: Path) -> None:
    merged = yaml.safe_load((folder / patch["path"]).read_text()) if "path" in patch else None
    wanted = (merged["kind"], merged["metadata"]["name"]) if merged else tuple(patch["target"].values())
    (number,) = [
        number for number, each in enumerate(objects) if (each["kind"], each["metadata"]["name"]) == wanted
    ]  # one, or the patch misses
    if merged:
        objects[number] = _merge(objects[number], merged)
    else:
        objects[number] = deepcopy(objects[number])
        for step in yaml.safe_load(patch["patch"]):
            _step(objects[number], step)


def _merge(into: Any, patch: Any, field: str = "") -> Any:
    if isinstance(into, dict):
        return {**into, **{name: _merge(into.get(name), value, name) for name, value in patch.items()}}
    if isinstance(into, list) and field in MERGED_BY:
        key = MERGED_BY[field]
        patches = {each[key]: each for each in patch}
        added = [each for each in patch if each[key] not in {item[key] for item in into}]
        return added + [_merge(each, patches.get(each[key], {})) for each in into]
    return patch


def _step(target: Any, step: Object) -> None:
    *parents, last = step["path"].strip("/").split("/")
    for part in parents:
        target = target[int(part) if isinstance(target, list) else part]
    if last not in target:
        raise ValueError(f"there is no {step['path']}")
    if step["op"] == "remove":
        del target[last]
    elif step["op"] == "replace":
        target[last] = step["value"]
    else:
        raise ValueError(f"unknown: {step['op']}")


def _label(each: Object, pairs: dict[str, str], *, selectors: bool) -> None:
    paths = ["metadata.labels", *(SELECTORS.get(each["kind"], ()) if selectors else ())]
    for path in paths:
        target = each
        for part in path.split("."):
            target = target.setdefault(part, {})
        target.update(pairs)
    for constraint in _pod(each).get("topologySpreadConstraints", []):
        constraint["labelSelector"]["matchLabels"].update(pairs)


def _tag(each: Object, name: str, tag: str) -> None:
    for container in _pod(each).get("containers", []):
        if container["image"] == name:
            container["image"] = f"{name}:{tag}"


def _pod(each: Object) -> Object:
    spec: Object = each.get("spec", {}).get("template", {}).get("spec", {}) if each["kind"] == "StatefulSet" else {}
    return spec
