"""Holds what was said of each ending against its truth, and counts."""
import dataclasses

NOTHING = "Nothing is to be done"
CONFIDENCES = ("certain", "likely", "possible")


@dataclasses.dataclass
class Judged:
    """One ending: whether the first verdict is right, and whether a right one is listed."""

    family: str
    cause: str
    number: int
    truth: object
    ending: dict
    first: str = ""
    confidence: str = ""
    right: bool = False
    listed: bool = False
    faults: tuple = ()
    wording: int = 0

    def __post_init__(self):
        findings = self.ending["diagnosis"]["findings"]
        names = [finding["verdict"]["name"] for finding in findings]
        self.first, self.confidence = names[0], findings[0]["confidence"]
        self.right = names[0] in self.truth.acceptable
        self.listed = bool(set(names) & set(self.truth.right))
        faults = []
        # Whatever is certain has to be true, wherever it stands.
        for finding, name in zip(findings, names):
            if finding["confidence"] == "certain" and name not in self.truth.acceptable:
                faults.append(f"certain {name}")
        if self.truth.act and findings[0]["remedy"].startswith(NOTHING):
            self.right = False
            faults.append("says that nothing is to be done")
        if not self.right:
            faults.append(f"first {self.confidence} {self.first}")
        if not self.listed:
            faults.append("not listed")
        self.faults = (*dict.fromkeys(faults), *self.faults_of_wording(names))

    def faults_of_wording(self, names):
        """What no report may say, whatever the cause was."""
        faults = []
        for name in {name for name in names if names.count(name) > 1}:
            faults.append(f"names {name} twice")
        opened = self.ending["termination"]["evidence"]["phase"] != "opening"
        if opened and "no byte was received" in self.ending["says"]:
            faults.append("says that no byte was received after a 101")
        if "suspended for" in self.ending["says"].replace("suspended for at least", ""):
            faults.append("says how long this process was suspended, not \"at least\"")
        self.wording = len(faults)
        return faults

    @property
    def wrongly_certain(self):
        return any(fault.startswith("certain ") for fault in self.faults) or (
            self.confidence == "certain" and not self.right)

    def record(self):
        """For the file with all reports."""
        return {"family": self.family, "cause": self.cause, "number": self.number,
                "right": list(self.truth.right), "also": list(self.truth.also),
                "first": self.first, "confidence": self.confidence, "is_right": self.right,
                "listed": self.listed, "faults": list(self.faults), "ending": self.ending}


@dataclasses.dataclass
class Count:
    """Of some endings, how many were right, by confidence."""

    endings: int = 0
    listed: int = 0
    wrongly_certain: int = 0
    wording: int = 0
    said: dict = dataclasses.field(
        default_factory=lambda: {confidence: [0, 0] for confidence in CONFIDENCES})

    def add(self, judged):
        self.endings += 1
        self.listed += judged.listed
        self.wrongly_certain += judged.wrongly_certain
        self.wording += judged.wording
        said = self.said[judged.confidence]
        said[0] += judged.right
        said[1] += 1

    def of(self, confidence):
        right, all_of_them = self.said[confidence]
        return f"{right} of {all_of_them}" if all_of_them else "-"

    def misses(self):
        """What the figures fall short of."""
        misses = []
        if self.wrongly_certain:
            misses.append(f"{self.wrongly_certain} wrong with certain")
        right, likely = self.said["likely"]
        if right < 0.95 * likely:
            misses.append(f"{right} of {likely} likely are right, under 95 %")
        if self.listed < 0.97 * self.endings:
            misses.append(f"the right one listed in {self.listed} of {self.endings}, under 97 %")
        if self.wording:
            misses.append(f"{self.wording} faults of wording")
        return misses


def count(judged):
    total = Count()
    for one in judged:
        total.add(one)
    return total


def table(judged):
    """Markdown: a row for each family, and one for all."""
    families = dict.fromkeys(one.family for one in judged)
    lines = ["| Causes | How many | Endings | certain | likely | possible | Listed |",
             "|---|---|---|---|---|---|---|"]

    def row(name, some):
        counted = count(some)
        causes = len({(one.family, one.cause) for one in some})
        cells = [name, causes, counted.endings, *map(counted.of, CONFIDENCES),
                 f"{counted.listed} of {counted.endings}"]
        lines.append(f"| {' | '.join(map(str, cells))} |")

    for family in families:
        row(family, [one for one in judged if one.family == family])
    row("all", judged)
    return "\n".join(lines)
