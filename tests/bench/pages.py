"""Speed of pages in a browser: ``python -m tests.bench.pages FILE.html ...`` prints when the first chart stands.

After it come the longest tasks, each of which blocks a reader's click that long. Needs Chromium and chromedriver.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

OBSERVE = """
window.measured = { tasks: [], first: null };
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) measured.tasks.push([Math.round(one.startTime), Math.round(one.duration)]);
}).observe({ type: "longtask", buffered: true });
new MutationObserver(() => {
  if (measured.first === null && document.querySelector(".chart svg")) measured.first = Math.round(performance.now());
}).observe(document, { childList: true, subtree: true });
"""
DRAWN = "return document.documentElement.dataset.charts === 'drawn'"


@contextmanager
def chrome() -> Iterator[Chrome]:
    """Start a headless browser that measures every page it opens."""
    from selenium.webdriver import Chrome, ChromeOptions

    options = ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    driver = Chrome(options=options)
    try:
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": OBSERVE})
        yield driver
    finally:
        driver.quit()


def measured(driver: Chrome, address: str, width: int) -> tuple[int | None, list[tuple[int, int]]]:
    """Return when the first chart of a page stood, and begin and length of its long tasks, in milliseconds."""
    from selenium.webdriver.support.wait import WebDriverWait

    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(address)
    WebDriverWait(driver, 60).until(lambda one: one.execute_script(DRAWN))
    found = driver.execute_script("return measured")
    return found["first"], [(begin, length) for begin, length in found["tasks"]]


def main() -> None:
    """Measure pages and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", nargs="+", help="file or address")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with chrome() as driver:
        for page in options.page:
            address = page if "://" in page else Path(page).resolve().as_uri()
            for width in (1280, 360):
                for _ in range(options.repeats):
                    first, tasks = measured(driver, address, width)
                    longest = sorted((length for _, length in tasks), reverse=True)[:5]
                    print(f"{page} at {width}: first chart {first} ms, longest tasks {longest} ms")


if __name__ == "__main__":
    main()
