"""Run every benchmark and print ratios of medians: `python -m benchmarks`."""

from benchmarks import engine, fcfs, integers, learning, lru, pages, policies, scorecard
from benchmarks.timing import machine, save

FORMATS = {
    "seconds": "{:9.3f} s",
    "ratio": "{:9.2f} ×",
    "scores": "{:6.0f} of 100",
    "megabytes": "{:9.0f} MB",
    "errors": "{}",
}

print(", ".join(f"{name} {value}" for name, value in machine().items()))
for module in (fcfs, engine, scorecard, lru, policies, integers, learning, pages):
    result = module.run()
    name = module.__name__.rpartition(".")[2]
    if result is None:
        print(f"\n{name}: nothing to measure: no book is built, no run or no PyTorch at hand")
        continue
    print(f"\n{result['what']}")
    for kind, form in FORMATS.items():
        for label, value in result.get(kind, {}).items():
            print(f"  {label:28} {form.format(value)}")
    if "difference_from_ciw" in result:
        print(f"  largest difference from Ciw  {result['difference_from_ciw']}")
    print(f"  target: {result['target']}: {'met' if result['met'] else 'NOT met'}")
    print(f"  saved in {save(name, result).name}")
