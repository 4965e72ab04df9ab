"""The account server: two devices in step, whatever the server does. The server is the real one."""

import json
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import record_page as seen
from playwright.sync_api import Page, expect

from bookkit.finish import policy

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "bookkit" / "accounts" / "server.js"
PASSWORD = "correct horse"  # noqa: S105
# Seconds. Hashing takes a tenth of one, and more on a machine that does other things too; a page
# waits for ten.
PROMPT = 4


class Accounts:
    """The account server as an instructor runs it, which can be stopped and started again."""

    def __init__(self, folder: Path, port: int, origin: str) -> None:
        self.folder, self.port, self.origin = folder, port, origin
        self.process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, name: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
        command = ["node", str(SERVER), "add", name, "--data", str(self.folder)]
        return subprocess.run(
            command, input=f"{password}\n", text=True, capture_output=True, check=False
        )

    def start(self, *more: str) -> None:
        settings = [
            *more,
            "--data",
            str(self.folder),
            "--origin",
            self.origin,
            "--port",
            str(self.port),
        ]
        command = ["node", str(SERVER), "serve", *settings]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline().startswith("Serving accounts on")

    def holds(self, text: str, page: Page, *, yes: bool = True) -> None:
        """Wait until ada's record there holds a text, or does so no longer; pages go on."""
        record = self.folder / "ada.record.json"
        for _ in range(200):
            if record.exists() and (text in record.read_text("utf-8")) == yes:
                return
            page.wait_for_timeout(100)
        raise AssertionError(f"{text!r} {'never came' if yes else 'stayed'}")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    port = seen.free_port()
    folder = tmp_path_factory.mktemp("small")
    return seen.build(folder, f"http://127.0.0.1:{port}"), port


@pytest.fixture(scope="module")
def site(serve: Callable[[Path], str], built: tuple[Path, int]) -> str:
    return serve(built[0])


@pytest.fixture
def server(site: str, built: tuple[Path, int], tmp_path: Path) -> Iterator[Accounts]:
    accounts = Accounts(tmp_path / "accounts", built[1], site)
    assert accounts.add("ada").stdout == "ada may sign in.\n"
    accounts.start()
    yield accounts
    accounts.stop()


class Device:
    """A browser of its own, whose requests to the account server pass."""

    def __init__(self, page: Page, site: str) -> None:
        self.page, self.site = page, site

    def go(self, name: str) -> Page:
        self.page.goto(f"{self.site}/{name}")
        return self.page

    def sign_in(self, password: str = PASSWORD, name: str = "ada") -> None:
        self.go("book/practice.html")
        self.page.get_by_label("Account").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    @property
    def said(self):
        return self.page.locator(".record-account [role=status]")

    def in_step(self) -> None:
        expect(self.said).to_have_text("In step with the account ada.")


@pytest.fixture
def device(site: str, browser, built: tuple[Path, int]) -> Iterator[Callable[[], Device]]:
    contexts = []

    def opened() -> Device:
        contexts.append(browser.new_context())
        page = contexts[-1].new_page()
        own = (site, f"http://127.0.0.1:{built[1]}", "blob:", "data:")
        page.route(lambda url: not url.startswith(own), lambda route: route.abort())
        return Device(page, site)

    yield opened
    for context in contexts:
        context.close()


def attempt(
    server: Accounts, password: str, name: str = "ada", address: str = ""
) -> tuple[int, dict[str, str], float]:
    """Sign in without a browser: the status, the headers and the seconds it took.

    `address` is what a proxy would say of where it comes from.
    """
    headers = {"X-Forwarded-For": address} if address else {}
    body = json.dumps({"account": name, "password": password}).encode()
    request = urllib.request.Request(f"{server.address}/session", body, headers)  # noqa: S310
    began = time.monotonic()
    try:
        reply = urllib.request.urlopen(request)  # noqa: S310
    except urllib.error.HTTPError as error:
        reply = error
    with reply:
        reply.read()
        return reply.status, dict(reply.headers), time.monotonic() - began


def ask(server: Accounts, method: str, path: str, body: bytes, token: str = "") -> tuple[int, str]:
    """A request made without a browser."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(  # noqa: S310
        f"{server.address}{path}", body, headers, method=method
    )
    try:
        with urllib.request.urlopen(request) as reply:  # noqa: S310
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def session(server: Accounts) -> str:
    body = json.dumps({"account": "ada", "password": PASSWORD}).encode()
    return json.loads(ask(server, "POST", "/session", body)[1])["token"]


class TestTwoDevices:
    """What either has, both have."""

    def test_what_two_devices_wrote_apart_survives(self, server: Accounts, device) -> None:
        first, second = device(), device()
        for one, text, name in ((first, "on the first", "one"), (second, "on the second", "order")):
            page = one.go("lessons/first.html")
            seen.notes(page).fill(text)
            seen.solve(seen.question(page, name))
            page.locator(".predict").first.get_by_role("button", name="Skip").click()
        for one in (first, second, first):
            if one.go("book/practice.html").get_by_label("Account").is_visible():
                one.sign_in()
            one.in_step()
        for one in (first, second):
            page = one.go("lessons/first.html")
            expect(page.locator(".check-standing p").first).to_contain_text("Score 2/4 Answered 2")
            assert "on the first" in seen.notes(page).input_value()
            assert "on the second" in seen.notes(page).input_value()

    def test_two_notes_edited_apart_both_survive_and_can_be_made_one(
        self, server: Accounts, device
    ) -> None:
        first, second = device(), device()
        first.sign_in()
        first.in_step()
        page = first.go("lessons/first.html")
        seen.notes(page).fill("common. ")
        first.go("book/practice.html")
        first.in_step()
        second.sign_in()
        second.in_step()
        server.stop()
        for one, text in ((first, "A wrote this."), (second, "B wrote that.")):
            page = one.go("lessons/first.html")
            assert seen.notes(page).input_value() == "common. "
            seen.notes(page).press("End")
            seen.notes(page).press_sequentially(text)
            seen.notes(page).blur()
        server.start()
        for one in (first, second, first):
            one.go("book/practice.html")
            one.in_step()
        page = first.go("lessons/first.html")
        text = seen.notes(page).input_value()
        assert "common. A wrote this." in text
        assert "common. B wrote that." in text
        expect(page.get_by_text("Two versions were written apart.")).to_be_visible()
        seen.notes(page).fill("common. A and B.")
        seen.notes(page).blur()
        for one in (first, second):
            one.go("book/practice.html")
            one.in_step()
        page = second.go("lessons/first.html")
        assert seen.notes(page).input_value() == "common. A and B."

    def test_a_change_is_sent_without_being_asked_for(self, server: Accounts, device) -> None:
        first, second = device(), device()
        for one in (first, second):
            one.sign_in()
            one.in_step()
        page = first.go("lessons/first.html")
        seen.choose(page, "one", 1)
        server.holds("first/one", page)
        page = second.go("lessons/first.html")
        expect(page.locator(".check-standing p").first).to_contain_text("Score 1/4")

    def test_accounts_are_apart(self, server: Accounts, device) -> None:
        server.add("bob")
        first, second = device(), device()
        seen.choose(first.go("lessons/first.html"), "one", 1)
        first.sign_in()
        first.in_step()
        second.sign_in(name="bob")
        expect(second.said).to_have_text("In step with the account bob.")
        assert seen.answers(second.page) == []

    def test_erasing_erases_on_the_server_and_on_other_devices(
        self, server: Accounts, device
    ) -> None:
        first, second = device(), device()
        page = first.go("lessons/first.html")
        seen.choose(page, "one", 1)
        seen.notes(page).fill("a secret")
        for one in (first, second):
            one.sign_in()
            one.in_step()
        server.holds("a secret", first.page)
        first.go("book/practice.html")
        first.in_step()
        first.page.get_by_role("button", name="Erase everything").click()
        first.page.get_by_role("button", name="Erase it for good").click()
        server.holds("a secret", first.page, yes=False)
        second.go("book/practice.html")
        second.in_step()
        assert seen.answers(second.page) == []
        assert "a secret" not in (server.folder / "ada.record.json").read_text("utf-8")

    def test_signing_out_keeps_the_record_and_sends_no_more(self, server: Accounts, device) -> None:
        one = device()
        one.sign_in()
        one.in_step()
        one.page.get_by_role("button", name="Sign out").click()
        expect(one.said).to_have_text("Signed out. Your record stays in this browser.")
        asked = []
        one.page.on("request", lambda request: asked.append(request.url))
        seen.choose(one.go("lessons/first.html"), "one", 1)
        one.page.wait_for_timeout(1500)
        assert not [url for url in asked if url.startswith(server.address)]


class TestLeaving:
    """Signing out, in as somebody else, and erasing: nobody gets what is not theirs."""

    def erase(self, one: Device) -> str:
        one.go("book/practice.html")
        one.page.get_by_role("button", name="Erase everything").click()
        one.page.get_by_role("button", name="Erase it for good").click()
        said = one.page.locator(".record-keeping > [role=status]")
        expect(said).to_contain_text("Erased")
        return said.inner_text()

    @pytest.mark.parametrize("choice", ["Erase it here, then sign in", "Add it to this account"])
    def test_who_signs_in_next_is_asked_whose_record_it_is(
        self, server: Accounts, device, choice: str
    ) -> None:
        server.add("bob")
        one = device()
        seen.notes(one.go("lessons/first.html")).fill("ada's own")
        one.sign_in()
        one.in_step()
        one.page.get_by_role("button", name="Sign out").click()
        one.sign_in(name="bob")
        expect(one.page.get_by_text("belongs to the account ada")).to_be_visible()
        assert not (server.folder / "bob.record.json").exists()
        one.page.get_by_role("button", name=choice).click()
        expect(one.said).to_have_text("In step with the account bob.")
        kept = (server.folder / "bob.record.json").read_text("utf-8")
        assert ("ada's own" in kept) == choice.startswith("Add")
        assert "ada's own" in (server.folder / "ada.record.json").read_text("utf-8")

    def test_erasing_erases_what_this_browser_has_not_seen(self, server: Accounts, device) -> None:
        first, second = device(), device()
        for one in (first, second):
            one.sign_in()
            one.in_step()
        page = second.go("lessons/first.html")
        seen.notes(page).fill("note from two")
        server.holds("note from two", page)
        assert self.erase(first) == "Erased, here and in the account ada."
        assert "note from two" not in (server.folder / "ada.record.json").read_text("utf-8")
        first.page.wait_for_timeout(1500)
        assert seen.notes(first.go("lessons/first.html")).input_value() == ""

    def test_erasing_without_the_server_is_done_there_later(self, server: Accounts, device) -> None:
        one = device()
        seen.notes(one.go("lessons/first.html")).fill("a secret")
        one.sign_in()
        one.in_step()
        server.stop()
        assert "has not confirmed that it erased the account ada" in self.erase(one)
        server.start()
        one.page.evaluate("dispatchEvent(new Event('online'))")
        server.holds("a secret", one.page, yes=False)

    def test_erasing_in_a_lapsed_session_is_done_there_at_the_next(
        self, server: Accounts, device
    ) -> None:
        one = device()
        seen.notes(one.go("lessons/first.html")).fill("a secret")
        one.sign_in()
        one.in_step()
        server.add("ada", "another horse")
        one.page.reload()
        expect(one.said).to_contain_text("asks you to sign in again")
        assert "still holds a record" in self.erase(one)
        one.sign_in("another horse")
        one.in_step()
        assert "a secret" not in (server.folder / "ada.record.json").read_text("utf-8")
        assert seen.notes(one.go("lessons/first.html")).input_value() == ""

    def test_an_export_brings_back_what_was_erased(
        self, server: Accounts, device, tmp_path: Path
    ) -> None:
        one = device()
        page = one.go("lessons/first.html")
        seen.choose(page, "one", 1)
        seen.notes(page).fill("kept in a file")
        one.sign_in()
        one.in_step()
        seen.export(one.page, tmp_path)
        self.erase(one)
        one.page.get_by_label("Import an export").set_input_files(tmp_path / "export.json")
        expect(one.page.get_by_text("Imported: 2 new")).to_be_visible()
        page = one.go("lessons/first.html")
        assert seen.standing(page).startswith("Score 1/4")
        assert seen.notes(page).input_value() == "kept in a file"
        server.holds("kept in a file", page)

    def test_signing_out_in_one_tab_is_signing_out_in_all(self, server: Accounts, device) -> None:
        one = device()
        one.sign_in()
        one.in_step()
        tab = one.page.context.new_page()
        tab.goto(f"{one.site}/lessons/first.html")
        one.page.get_by_role("button", name="Sign out").click()
        one.page.wait_for_timeout(300)
        seen.notes(tab).fill("after signing out")
        seen.notes(tab).blur()
        tab.wait_for_timeout(2500)
        assert "after signing out" not in (server.folder / "ada.record.json").read_text("utf-8")

    def test_two_tabs_that_are_signed_in_send_and_then_rest(self, server: Accounts, device) -> None:
        one = device()
        one.sign_in()
        one.in_step()
        tab = one.page.context.new_page()
        tab.goto(f"{one.site}/lessons/first.html")
        seen.choose(tab, "one", 1)
        server.holds("first/one", tab)
        tab.wait_for_timeout(2500)
        asked = []
        for page in (tab, one.page):
            page.on("request", lambda request: asked.append(request.url))
        tab.wait_for_timeout(2500)
        assert asked == []


class TestServerTrouble:
    """Saved here first; a sentence says what the server does."""

    def test_down(self, server: Accounts, device) -> None:
        one = device()
        one.sign_in()
        one.in_step()
        server.stop()
        page = one.go("lessons/first.html")
        seen.choose(page, "one", 1)
        assert seen.standing(page).startswith("Score 1/4")
        said = page.locator(".record-account-said")
        expect(said).to_contain_text("does not answer. Your record is kept here")
        one.go("book/practice.html")
        expect(one.said).to_contain_text("does not answer. Your record is kept here")
        server.start()
        one.page.evaluate("dispatchEvent(new Event('online'))")
        one.in_step()
        assert len(seen.answers(one.page)) == 1
        assert "first/one" in (server.folder / "ada.record.json").read_text("utf-8")

    def test_a_new_password_ends_sessions(self, server: Accounts, device) -> None:
        one = device()
        one.sign_in()
        one.in_step()
        server.add("ada", "another horse")
        page = one.go("lessons/first.html")
        seen.choose(page, "one", 1)
        said = page.locator(".record-account-said")
        expect(said).to_contain_text("asks you to sign in again")
        one.go("book/practice.html")
        expect(one.said).to_contain_text("asks you to sign in again")
        assert len(seen.answers(one.page)) == 1
        one.sign_in("another horse")
        one.in_step()

    def test_it_refuses_a_wrong_password(self, server: Accounts, device) -> None:
        one = device()
        seen.choose(one.go("lessons/first.html"), "one", 1)
        one.sign_in("wrong horse")
        expect(one.said).to_contain_text("does not know this account with this password")
        one.sign_in(name="nobody")
        expect(one.said).to_contain_text("does not know this account with this password")
        one.sign_in(name="../ada")
        expect(one.said).to_contain_text("does not know this account with this password")
        assert len(seen.answers(one.page)) == 1
        assert not (server.folder / "ada.record.json").exists()


class Stub:
    """A server that answers what it is told to, in the place of the account server."""

    def __init__(self, port: int, origin: str) -> None:
        self.status, self.text, self.delay = 200, "{}", 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                time.sleep(outer.delay)
                session = self.path == "/session"
                text = '{"token": "t"}' if session else outer.text
                self.send_response(200 if session or self.command == "OPTIONS" else outer.status)
                for name in ("Origin", "Headers", "Methods"):
                    allowed = {"Origin": origin, "Headers": "authorization, content-type"}
                    self.send_header(f"Access-Control-Allow-{name}", allowed.get(name, "PUT, POST"))
                self.end_headers()
                self.wfile.write(text.encode())

            do_POST = do_PUT = do_OPTIONS = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def stub(site: str, built: tuple[Path, int]) -> Iterator[Stub]:
    found = Stub(built[1], site)
    yield found
    found.server.shutdown()
    found.server.server_close()


class TestServerNonsense:
    """A server that is not one: broken, slow or hostile."""

    @pytest.mark.parametrize(
        ("status", "text"),
        [
            (200, "<html>Sign in to the hotel's network</html>"),
            (200, "{}"),
            (200, ""),
            (200, '{"book":"serving-by-the-numbers","version":99,"clock":1,"content":[]}'),
            (200, '{"book":"serving-by-the-numbers","version":2,"clock":1,"content":"<script>"}'),
            (500, "failure"),
            (404, ""),
        ],
    )
    def test_nothing_is_taken_from_it(self, stub: Stub, device, status: int, text: str) -> None:
        stub.status, stub.text = status, text
        one = device()
        seen.choose(one.go("lessons/first.html"), "one", 1)
        one.sign_in()
        expect(one.said).to_contain_text("something that is no record. Nothing was taken from it")
        assert len(seen.answers(one.page)) == 1
        one.go("lessons/first.html")
        assert seen.standing(one.page) == "Score 1/4 Answered 1 Status in progress"
        assert seen.sentence(one.page) == ""

    @pytest.mark.parametrize("status", [400, 413])
    def test_why_it_refuses_is_said(self, stub: Stub, device, status: int) -> None:
        stub.status, stub.text = status, '{"sentence": "It is <b>too</b> large."}'
        one = device()
        one.sign_in()
        said = "The account server refuses this record: It is <b>too</b> large."
        expect(one.said).to_have_text(f"{said} Your record is kept here.")

    def test_a_reply_that_comes_after_leaving_is_nobodys(self, stub: Stub, device) -> None:
        one = device()
        page = one.go("lessons/first.html")
        seen.choose(page, "one", 1)
        stub.text = page.evaluate("bookRecord.takeOut()")
        one.sign_in()
        one.in_step()
        stub.delay = 2
        one.page.reload()
        one.page.wait_for_timeout(300)
        one.page.get_by_role("button", name="Sign out").click()
        one.page.get_by_role("button", name="Erase everything").click()
        one.page.get_by_role("button", name="Erase it for good").click()
        one.page.wait_for_timeout(2600)
        expect(one.said).to_have_text("Signed out. Your record stays in this browser.")
        assert seen.answers(one.page) == []

    def test_slowness_holds_nothing_up(self, stub: Stub, device) -> None:
        stub.delay = 20
        one = device()
        one.go("book/practice.html").evaluate(
            "localStorage.setItem('serving-by-the-numbers:/:account', "
            """'{"account": "ada", "token": "t"}')"""
        )
        page = one.go("lessons/first.html")
        seen.choose(page, "one", 1)
        assert seen.standing(page) == "Score 1/4 Answered 1 Status in progress"
        one.go("book/practice.html")
        expect(one.said).to_contain_text("does not answer")

    def test_markup_in_its_answers_is_text(self, stub: Stub, device) -> None:
        one = device()
        strange = "<img src=x onerror='window.ran=1'>"
        stub.text = one.go("lessons/first.html").evaluate(
            """async (text) => {
              const { create, seal } = await import("/_static/record/content.js");
              const record = create("elsewhere");
              const at = record.clock.now();
              record.store.setRow("notes", text, { lesson: "first", text, at, seen: "{}" });
              record.store.setRow("predictions", "p", { prediction: "first/way", given: text, at });
              return seal(record);
            }""",
            strange,
        )
        one.sign_in()
        one.in_step()
        page = one.go("lessons/first.html")
        assert seen.notes(page).input_value() == strange
        assert strange in page.locator(".predict-said").nth(1).inner_text()
        assert page.evaluate("window.ran") is None


@pytest.fixture
def behind(server: Accounts) -> Accounts:
    """The server behind a proxy, which says where requests come from."""
    server.stop()
    server.start("--proxies", "1")
    return server


class TestGuesses:
    """Wrong passwords are bounded, and nobody with the right one waits for them."""

    def test_six_wrong_passwords_do_not_delay_the_right_one(self, server: Accounts) -> None:
        with ThreadPoolExecutor(6) as pool:
            guesses = [pool.submit(attempt, server, f"guess {n}") for n in range(6)]
            time.sleep(0.05)
            status, _, seconds = attempt(server, PASSWORD)
        assert (status, seconds < PROMPT) == (200, True)
        assert all(guess.result()[2] < PROMPT for guess in guesses)
        assert attempt(server, PASSWORD)[0] == 200

    def test_a_guesser_is_told_at_once_and_when_to_try_again(self, behind: Accounts) -> None:
        replies = [attempt(behind, f"guess {n}", address="203.0.113.7") for n in range(12)]
        assert [status for status, _, _ in replies] == [401] * 10 + [429] * 2
        assert all(seconds < PROMPT for _, _, seconds in replies)
        assert 0 < int(replies[-1][1]["Retry-After"]) <= 60
        assert attempt(behind, PASSWORD, address="203.0.113.7")[0] == 429
        status, _, seconds = attempt(behind, PASSWORD, address="198.51.100.4")
        assert (status, seconds < PROMPT) == (200, True)

    def test_many_at_once_get_no_more_than_one_after_another(self, behind: Accounts) -> None:
        with ThreadPoolExecutor(30) as pool:
            replies = pool.map(
                lambda n: attempt(behind, f"guess {n}", address="203.0.113.7"), range(30)
            )
            counts = Counter(status for status, _, _ in replies)
        assert counts == {401: 10, 429: 20}

    def test_a_right_password_settles_its_own_address_alone(self, behind: Accounts) -> None:
        for n in range(10):
            attempt(behind, f"guess {n}", address="203.0.113.7")
        for n in range(9):
            attempt(behind, f"guess {n}", address="198.51.100.4")
        assert attempt(behind, PASSWORD, address="198.51.100.4")[0] == 200
        assert attempt(behind, PASSWORD, address="203.0.113.7")[0] == 429
        assert [attempt(behind, "a guess", address="198.51.100.4")[0] for _ in range(11)] == [
            *[401] * 10,
            429,
        ]

    def test_guessers_with_many_addresses_are_bounded_and_the_owner_gets_in(
        self, behind: Accounts
    ) -> None:
        assert attempt(behind, PASSWORD, address="198.51.100.4")[0] == 200
        token = session(behind)
        replies = [attempt(behind, "a guess", address=f"10.0.{n}.1")[0] for n in range(110)]
        assert Counter(replies) == {401: 100, 429: 10}
        assert attempt(behind, PASSWORD, address="192.0.2.1")[0] == 429
        status, _, seconds = attempt(behind, PASSWORD, address="198.51.100.4")
        assert (status, seconds < PROMPT) == (200, True)
        assert ask(behind, "PUT", "/record", b"{}", token)[0] == 400
        behind.add("bob")
        assert attempt(behind, PASSWORD, "bob", "192.0.2.1")[0] == 200

    def test_many_attempts_of_one_address_are_not_all_before_another(
        self, behind: Accounts
    ) -> None:
        finished = []

        def guess(n: int) -> None:
            attempt(behind, "a guess", f"n{n}", "203.0.113.7")
            finished.append(n)

        with ThreadPoolExecutor(24) as pool:
            for n in range(24):
                pool.submit(guess, n)
            while not finished:
                time.sleep(0.01)
            assert attempt(behind, PASSWORD, address="198.51.100.4")[0] == 200
            assert len(finished) < 12

    def test_a_crowd_is_told_when_to_try_again_and_nothing_is_counted(
        self, behind: Accounts
    ) -> None:
        with ThreadPoolExecutor(60) as pool:
            crowd = pool.map(
                lambda n: attempt(behind, PASSWORD, "nobody", f"10.0.{n}.1"), range(60)
            )
            replies = list(crowd)
        assert {status for status, _, _ in replies} == {401, 503}
        assert {headers.get("Retry-After") for status, headers, _ in replies if status == 503} == {
            "2"
        }
        assert attempt(behind, PASSWORD)[0] == 200

    def test_one_password_tried_on_a_class_is_bounded(self, behind: Accounts) -> None:
        tried = [attempt(behind, PASSWORD, f"n{n}", "203.0.113.7")[0] for n in range(115)]
        assert tried[:100] == [401] * 100
        assert tried.count(429) >= 10
        assert attempt(behind, PASSWORD, address="203.0.113.7")[0] == 429
        assert attempt(behind, PASSWORD, address="198.51.100.4")[0] == 200

    def test_what_is_no_account_is_refused_as_an_account_is(self, behind: Accounts) -> None:
        both = [
            [attempt(behind, f"guess {n}", name, "203.0.113.7")[0] for n in range(12)]
            for name in ("ada", "nobody")
        ]
        assert both[0] == both[1]

    def test_a_network_of_ipv6_is_one_address(self, behind: Accounts) -> None:
        places = [f"2001:db8:0:7:{n:x}::{n}" for n in range(6)]
        places += [f"2001:0DB8::7:0:0:{n:x}:5" for n in range(6)]
        assert [attempt(behind, "a guess", address=place)[0] for place in places][10:] == [429] * 2
        assert attempt(behind, PASSWORD, address="2001:db8:0:8::1")[0] == 200

    def test_whoever_asks_is_not_believed_about_where_from(self, server: Accounts) -> None:
        made_up = [attempt(server, "a guess", address=f"10.0.0.{n}")[0] for n in range(12)]
        assert made_up == [401] * 10 + [429] * 2
        server.stop()
        server.start("--proxies", "1")
        made_up = [
            attempt(server, "a guess", address=f"10.0.0.{n}, 203.0.113.7")[0] for n in range(12)
        ]
        assert made_up == [401] * 10 + [429] * 2

    def test_the_page_says_when_to_try_again(self, server: Accounts, device) -> None:
        one = device()
        seen.choose(one.go("lessons/first.html"), "one", 1)
        for n in range(10):
            attempt(server, f"guess {n}")
        one.sign_in()
        told = r"There were too many wrong passwords\. Try again in \d+ seconds?\."
        expect(one.said).to_have_text(re.compile(told + r" Your record is kept here\."))
        assert len(seen.answers(one.page)) == 1
        server.stop()
        server.start()
        one.sign_in()
        one.in_step()


class TestServer:
    """The server by itself."""

    def test_what_it_refuses(self, server: Accounts) -> None:
        assert ask(server, "PUT", "/record", b"{}")[0] == 401
        whole = session(server)
        forged = (f"ada:{10**14}:{'0' * 64}", "made-up", "../x:9e99:y", whole[:-1], f"bob{whole}")
        for token in forged:
            assert ask(server, "PUT", "/record", b"{}", token)[0] == 401
        assert ask(server, "POST", "/session", b"not json")[0] == 400
        assert ask(server, "GET", "/ada.record.json", None)[0] == 404
        token = session(server)
        status, text = ask(server, "PUT", "/record", b"<script>", token)
        assert status == 400
        assert "not JSON" in json.loads(text)["sentence"]
        assert not (server.folder / "ada.record.json").exists()

    def test_a_session_that_is_none_is_refused(self, server: Accounts) -> None:
        name, until, seal = session(server).split(":")
        accents = "é" * len(seal)
        for forged in (f"{name}:{until}:{accents}", f"bob:{until}:{seal}", "::", ""):
            sent = forged.encode().decode("latin-1")
            assert ask(server, "PUT", "/record", b"{}", sent)[0] == 401

    def test_a_damaged_record_is_put_aside(self, server: Accounts, device) -> None:
        (server.folder / "ada.record.json").write_text("")
        one = device()
        seen.choose(one.go("lessons/first.html"), "one", 1)
        one.sign_in()
        one.in_step()
        assert "first/one" in (server.folder / "ada.record.json").read_text("utf-8")
        assert len(list(server.folder.glob("ada.record.json.unreadable-*"))) == 1

    def test_it_runs_from_a_path_that_is_a_link_or_has_a_space(self, tmp_path: Path) -> None:
        place = tmp_path / "a book"
        place.symlink_to(ROOT / "bookkit")
        command = ["node", place / "accounts" / "server.js", "add", "ada", "--data", tmp_path]
        done = subprocess.run(command, input=PASSWORD, text=True, capture_output=True, check=True)
        assert done.stdout == "ada may sign in.\n"

    def test_it_refuses_what_is_too_large(self, server: Accounts) -> None:
        token = session(server)
        try:
            status = ask(server, "PUT", "/record", b"x" * 13_000_000, token)[0]
        except (TimeoutError, urllib.error.URLError, ConnectionError):
            status = 413
        assert status == 413
        assert ask(server, "PUT", "/record", b"{}", token)[0] == 400

    def test_passwords_are_not_kept_in_clear(self, server: Accounts) -> None:
        kept = (server.folder / "ada.account.json").read_text("utf-8")
        assert PASSWORD not in kept
        assert (server.folder / "ada.account.json").stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize("name", ["../eve", "", "Eve", "e" * 80, ".eve", "a/b"])
    def test_names_that_are_paths_are_refused(self, server: Accounts, name: str) -> None:
        before = sorted(path.name for path in server.folder.parent.rglob("*"))
        assert server.add(name).returncode != 0
        assert sorted(path.name for path in server.folder.parent.rglob("*")) == before

    def test_short_passwords_are_refused(self, server: Accounts) -> None:
        assert "eight characters" in server.add("eve", "short").stderr

    def test_it_names_the_one_origin_that_may_ask(self, server: Accounts, site: str) -> None:
        request = urllib.request.Request(  # noqa: S310
            f"{server.address}/record", method="OPTIONS"
        )
        with urllib.request.urlopen(request) as reply:  # noqa: S310
            assert reply.headers["Access-Control-Allow-Origin"] == site

    def test_the_policy_names_the_host_whatever_the_path(self) -> None:
        allowed = policy.policy(set(), "https://school.example.org/accounts")
        assert "connect-src 'self' https://school.example.org;" in allowed

    def test_the_pages_policy_allows_it_and_no_other(self, site: str, server: Accounts) -> None:
        with urllib.request.urlopen(f"{site}/book/index.html") as reply:  # noqa: S310
            policy = reply.headers["Content-Security-Policy"]
        assert f"connect-src 'self' {server.address};" in policy


@pytest.mark.parametrize("address", ["http://example.org", "ftp://example.org", "example.org", "5"])
def test_an_address_that_is_not_safe_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        seen.build(tmp_path, address)
    shutil.rmtree(tmp_path)
