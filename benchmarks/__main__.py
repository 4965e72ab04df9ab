"""Run every benchmark and print ratios of medians: `python -m benchmarks`."""

from benchmarks import engine, fcfs
from benchmarks.timing import machine, save

print(", ".join(f"{name} {value}" for name, value in machine().items()))
for module in (fcfs, engine):
    result = module.run()
    print(f"\n{result['what']}")
    for name, seconds in result["seconds"].items():
        print(f"  {name:14} {seconds:8.3f} s, median")
    for name, ratio in result["ratio"].items():
        print(f"  {name:14} {ratio:8.1f} ×")
    if "difference_from_ciw" in result:
        print(f"  largest difference from Ciw {result['difference_from_ciw']}")
    print(f"  target: {result['target']}: {'met' if result['met'] else 'NOT met'}")
    print(f"  saved in {save(module.__name__.rpartition('.')[2], result).name}")
