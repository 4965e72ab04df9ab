"""FCFS G/G/8 simulation against Ciw and SimPy on the same sequences."""

from typing import Any

import ciw
import numpy as np
import simpy

from benchmarks.timing import in_turn
from labs import simulation

SERVERS = 8
TARGET = 40


def sequences(customers: int) -> tuple[np.ndarray, np.ndarray]:
    """Return arrival and service times at utilization 0.9, neither of them exponential."""
    rng = np.random.default_rng(1)
    gaps = rng.gamma(0.5, 2 / (0.9 * SERVERS), size=customers)
    return np.cumsum(gaps), rng.lognormal(-0.5, 1.0, size=customers)


def by_ciw(arrival: np.ndarray, service: np.ndarray) -> np.ndarray:
    """Return the waits that Ciw finds."""
    gaps = np.diff(arrival, prepend=0.0).tolist()
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*gaps, float("inf")])],
        service_distributions=[ciw.dists.Sequential(service.tolist())],
        number_of_servers=[SERVERS],
    )
    run = ciw.Simulation(network)
    run.simulate_until_max_customers(arrival.size, method="Finish")
    records = sorted(run.get_all_records(), key=lambda record: record.id_number)
    return np.array([record.waiting_time for record in records])


def by_simpy(arrival: np.ndarray, service: np.ndarray) -> np.ndarray:
    """Return the waits that SimPy finds."""
    environment = simpy.Environment()
    servers = simpy.Resource(environment, SERVERS)
    waits = np.empty(arrival.size)

    def customer(index: int, arrives: float, lasts: float) -> Any:
        with servers.request() as turn:
            yield turn
            waits[index] = environment.now - arrives
            yield environment.timeout(lasts)

    def source() -> Any:
        for index, (arrives, lasts) in enumerate(
            zip(arrival.tolist(), service.tolist(), strict=True)
        ):
            yield environment.timeout(arrives - environment.now)
            environment.process(customer(index, environment.now, lasts))

    environment.process(source())
    environment.run()
    return waits


def run(customers: int = 1_000_000, rounds: int = 3) -> dict[str, Any]:
    """Time the three and return seconds, ratios and the largest difference from Ciw."""
    arrival, service = sequences(customers)
    # Ciw adds up gaps, which moves arrivals by rounding: give everyone its sums.
    arrival = np.add.accumulate(np.diff(arrival, prepend=0.0))
    sample = 20_000
    ours = simulation.fcfs(arrival[:sample], service[:sample], SERVERS).wait
    difference = float(np.abs(ours - by_ciw(arrival[:sample], service[:sample])).max())
    seconds = in_turn(
        {
            "labs": lambda: simulation.fcfs(arrival, service, SERVERS),
            "simpy": lambda: by_simpy(arrival, service),
            "ciw": lambda: by_ciw(arrival, service),
        },
        rounds,
    )
    return {
        "what": f"FCFS G/G/{SERVERS}, {customers:,} customers",
        "seconds": seconds,
        "ratio": {name: seconds[name] / seconds["labs"] for name in ("ciw", "simpy")},
        "difference_from_ciw": difference,
        "target": f"difference 0.0 and at least {TARGET} times as fast as Ciw",
        "met": difference == 0.0 and seconds["ciw"] >= TARGET * seconds["labs"],
    }
