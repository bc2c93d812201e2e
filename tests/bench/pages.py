"""Speed of pages in a browser: ``python -m tests.bench.pages FILE.html ...`` prints when the first chart stands.

After it come the longest tasks of the page, each of which blocks a reader's click that long. They are in CPU time, the
time that passes on a machine with nothing else to do. Needs Chromium and chromedriver.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.charts import draw_all

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

OBSERVE = """
window.first = null;
new MutationObserver(() => {
  if (first === null && document.querySelector(".chart svg")) first = Math.round(performance.now());
}).observe(document, { childList: true, subtree: true });
"""
# A task of a thread, and the work by which a thread that shows a page is known.
TASK, PAGE = ("RunTask", "ThreadControllerImpl::RunTask"), "ParseHTML"


@contextmanager
def chrome() -> Iterator[Chrome]:
    """Start a headless browser that measures every page it opens."""
    from selenium.webdriver import Chrome, ChromeOptions

    options = ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    options.add_experimental_option("perfLoggingPrefs", {"traceCategories": "devtools.timeline,toplevel"})
    driver = Chrome(options=options)
    try:
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": OBSERVE})
        yield driver
    finally:
        driver.quit()


def measured(driver: Chrome, address: str, width: int, repeats: int) -> tuple[list[int | None], list[int]]:
    """Return when the first chart of a page stood each time, and the lengths of all its tasks, in milliseconds."""
    from selenium.webdriver.support.wait import WebDriverWait

    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get_log("performance")
    first = []
    for _ in range(repeats):
        driver.get(address)
        WebDriverWait(driver, 60).until(lambda one: one.execute_script("return first"))
        draw_all(driver)
        first.append(driver.execute_script("return first"))
    # The browser hands its events over late, and by the second.
    driver.get("about:blank")
    time.sleep(3)
    messages = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    events = [one["params"] for one in messages if one["method"] == "Tracing.dataCollected"]
    shown = {(one["pid"], one["tid"]) for one in events if one["name"] == PAGE}
    tasks = (one for one in events if one["name"] in TASK and (one["pid"], one["tid"]) in shown)
    return first, sorted((one.get("tdur", 0) // 1000 for one in tasks), reverse=True)


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
                first, tasks = measured(driver, address, width, options.repeats)
                print(f"{page} at {width}: first chart {first} ms, longest tasks {tasks[:5]} ms")


if __name__ == "__main__":
    main()
