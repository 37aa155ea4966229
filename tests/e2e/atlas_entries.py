"""What the atlas shows: an entry for every page, further ones for what a page is in other states.

An entry names the page's route, so that `test_atlas` sees which page has none. Nothing that an entry does changes an
exchange: forms are only sent to be refused, since each entry is looked at four times.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from playwright.sync_api import Page, expect

from tests.e2e.atlas_world import ADMIN, ONE_TIME, REBAR

BUYER, BROKER, OPERATOR, AUDITOR = "demo-buyer", "demo-broker", "demo-operator", "demo-auditor"
GROUPS: Final = {
    "public": "Public site",
    "entry": "Login and password",
    "terminal": "Terminal",
    "account": "Account",
    "desk": "Operator's desk",
}
PATIENCE: Final = 30_000
"""How long a page may take, in milliseconds: the machine may have other work."""
LEFT_OUT: Final = {
    "/tour/{step}": "leads on to another page and has none of its own",
}
"""Page routes without an entry, and why."""


class Entry(NamedTuple):
    """One sheet. `values` stand for the names in the route: an id, or `@name` for one that the world gave; what is not
    there is taken from the world. `who` is a login of the world, nobody if empty."""

    name: str
    route: str
    title: str
    who: str = ""
    query: str = ""
    values: dict[str, str] = {}  # noqa: RUF012 (never changed)
    empty: bool = False
    act: Callable[[Page], None] | None = None

    @property
    def group(self) -> str:
        """Under which heading it stands."""
        first = self.route.removeprefix("/").split("/")[0]
        return {"login": "entry", "password": "entry"}.get(first, first if first in GROUPS else "public")


# What is done on a page before the picture is taken -----------------------------------------------------------------


def _send(form: str, **fields: str) -> Callable[[Page], None]:
    """A form is filled in and sent as it is; what the browser itself would object to is left to the exchange."""

    def act(page: Page) -> None:
        page.evaluate("for (const form of document.forms) form.noValidate = true")
        for name, value in fields.items():
            page.fill(f"{form} [name={name}]", value)
        with page.expect_navigation(wait_until="load"):
            page.locator(f"{form} button[type=submit]").first.click()

    return act


def _ticket(price: str, quantity: str, then: str = "") -> Callable[[Page], None]:
    """The order ticket filled in to buy; with `then`, sent, and that awaited."""

    def act(page: Page) -> None:
        page.locator('input[name="side"][value="buy"]').check()
        page.fill("#field-price", price)
        page.fill("#field-quantity", quantity)
        if then:
            page.locator("button.send").click()
        expect(page.locator(then or "#preview dl, #preview .notice").first).to_be_attached(timeout=PATIENCE)

    return act


def _keys(page: Page) -> None:
    """The map of the keys."""
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_be_visible(timeout=PATIENCE)


_PAST = {"session": "@historical"}
_HALTED = {"session": "metals-halted"}
_CANCELLED = {"session": "metals-cancelled"}
_PLANNED = {"session": "metals-tomorrow"}
_MORNING = {"session": "metals-morning"}

PUBLIC: Final = (
    Entry("front", "/", "The front page"),
    Entry("sessions", "/sessions", "Sessions"),
    Entry("session-planned", "/sessions/{session}", "A session that is planned", values=_PLANNED),
    Entry("session-intake", "/sessions/{session}", "A session that takes orders", values={"session": "@intake"}),
    Entry("session-running", "/sessions/{session}", "A session that trades", query=f"instrument={REBAR}"),
    Entry("session-halted", "/sessions/{session}", "A session that is halted", values=_HALTED),
    Entry("session-cancelled", "/sessions/{session}", "A session that was cancelled", values=_CANCELLED),
    Entry("session-over", "/sessions/{session}", "A session that is over", values=_MORNING),
    Entry("session-historical", "/sessions/{session}", "A historical session, replayed", values=_PAST),
    Entry("offers", "/offers", "Orders to buy and to sell"),
    Entry("sections", "/sections", "Sections"),
    Entry("goods", "/goods", "Goods"),
    Entry("goods-none", "/goods", "Goods: nothing is found", query="q=there-is-none"),
    Entry("good", "/goods/{card}", "A commodity card", values={"card": REBAR}),
    Entry("help", "/help", "Help"),
    Entry("glossary", "/help/glossary", "The glossary"),
    Entry("rejects", "/help/rejects", "Why an order may be refused"),
    Entry("fees", "/fees", "The fee table"),
    Entry("notices", "/notices", "Notices"),
    Entry("components", "/components", "The components of the pages"),
    Entry("tour", "/tour", "The guided tour of the demo"),
    Entry("not-found", "", "A page that is not there", query="/there-is-no-such-page"),
    Entry("session-not-found", "/sessions/{session}", "A session that is not there", values={"session": "no-such"}),
    Entry("empty-front", "/", "The front page before the first session", empty=True),
    Entry("empty-sessions", "/sessions", "No session yet", empty=True),
    Entry("empty-offers", "/offers", "No order yet", empty=True),
    Entry("empty-sections", "/sections", "No section yet", empty=True),
    Entry("empty-goods", "/goods", "No good yet", empty=True),
    Entry("empty-fees", "/fees", "Nothing is charged", empty=True),
    Entry("empty-notices", "/notices", "No notice yet", empty=True),
)
ENTERING: Final = (
    Entry("login", "/login", "The login of the demo"),
    Entry("login-needed", "/login", "The way to a page that needs a login", query="next=%2Fdesk&why=needed"),
    Entry("login-refused", "/login", "A login that was refused",
          act=_send("main form[action='/login']", name="nobody", password="not the one")),
    Entry("login-plain", "/login", "The login of an exchange that is no demo", empty=True),
    Entry("password-first", "/password", "A one-time password has to be changed", ONE_TIME),
    Entry("password-refused", "/password", "A new password that was refused", BUYER,
          act=_send("main form", old="not the one", new="a goose on the green", again="a goose on the lake")),
)  # fmt: skip
TERMINAL: Final = (
    Entry("terminal", "/terminal", "The rooms of a trader", BUYER),
    Entry("room", "/terminal/{session}", "The room of a session that trades", BUYER, f"instrument={REBAR}"),
    Entry("room-preview", "/terminal/{session}", "The ticket, before it is sent", BUYER, f"instrument={REBAR}",
          act=_ticket("2320", "10")),
    Entry("room-far", "/terminal/{session}", "A price that is asked about once more", BUYER, f"instrument={REBAR}",
          values={"session": "metals-wide"}, act=_ticket("2100", "10", '#ticket-form input[name="confirmed"]')),
    Entry("room-refused", "/terminal/{session}", "An order that was refused", BUYER, f"instrument={REBAR}",
          act=_ticket("2320", "99999", "#answer .notice-danger, #answer [role=alert]")),
    Entry("room-amend", "/terminal/{session}", "An order is changed", BUYER, f"instrument={REBAR}&amend=@order"),
    Entry("room-keys", "/terminal/{session}", "The keys", BUYER, f"instrument={REBAR}", act=_keys),
    Entry("room-broker", "/terminal/{session}", "The room of a broker", BROKER, f"instrument={REBAR}"),
    Entry("room-planned", "/terminal/{session}", "The room before the session", BUYER, values=_PLANNED),
    Entry("room-halted", "/terminal/{session}", "The room of a halted session", BUYER, values=_HALTED),
    Entry("room-over", "/terminal/{session}", "The room after the session", BUYER, values=_MORNING),
    Entry("room-historical", "/terminal/{session}", "A historical session takes no orders", BUYER, values=_PAST),
    Entry("terminal-forbidden", "/terminal", "The terminal is for traders", OPERATOR),
    Entry("empty-terminal", "/terminal", "No room yet", "t-alfa", empty=True),
)  # fmt: skip
ACCOUNT: Final = (
    Entry("account", "/account", "A company's account", BUYER),
    Entry("account-orders", "/account/orders", "Own orders", BUYER),
    Entry("account-order", "/account/orders/{order}", "One own order", BUYER),
    Entry("account-deals", "/account/deals", "Own deals", BUYER),
    Entry("account-contracts", "/account/contracts", "Own contracts", BUYER),
    Entry("account-clients", "/account/clients", "A broker's clients", BROKER),
    Entry("account-people", "/account/people", "A company's people", ADMIN),
    Entry("account-deposit", "/account/deposit", "The deposit and its statement", BUYER),
    Entry("account-deposit-broker", "/account/deposit", "The deposits of a broker's clients", BROKER),
    Entry("account-registers", "/account/registers", "Own registers of deals", BUYER),
    Entry("account-register", "/account/registers/{session}", "The register of one session", BUYER, values=_MORNING),
    Entry("may-i-trade", "/account/may-i-trade/{session}", "May I trade in this session?", BUYER),
    Entry("may-i-trade-not", "/account/may-i-trade/{session}", "What is missing to trade", BUYER,
          values=_PLANNED),
    Entry("account-login", "/account/login", "One's own login", BUYER),
    Entry("account-switches", "/account/switches", "Stopping one's own people", ADMIN),
    Entry("empty-account", "/account", "The account of a company just registered", "t-alfa", empty=True),
    Entry("empty-account-orders", "/account/orders", "No own order yet", "t-alfa", empty=True),
    Entry("empty-account-deals", "/account/deals", "No own deal yet", "t-alfa", empty=True),
    Entry("empty-account-contracts", "/account/contracts", "No own contract yet", "t-alfa", empty=True),
    Entry("empty-account-clients", "/account/clients", "No client yet", "t-gamma", empty=True),
    Entry("empty-account-deposit", "/account/deposit", "No deposit yet", "t-alfa", empty=True),
    Entry("empty-account-registers", "/account/registers", "No register yet", "t-alfa", empty=True),
)  # fmt: skip
DESK_RUNNING: Final = (
    Entry("desk", "/desk", "The desk: what waits, what runs", OPERATOR),
    Entry("desk-forbidden", "/desk", "The desk is for operators and auditors", BUYER),
    Entry("desk-sessions", "/desk/sessions", "Sessions", OPERATOR),
    Entry("desk-plan", "/desk/sessions-new", "A session is planned like another", OPERATOR, "copy=@session"),
    Entry("desk-plan-refused", "/desk/sessions-new", "A plan with errors", OPERATOR,
          act=_send("main form[method=post]", session="new-one", i1_instrument="no-such-thing")),
    Entry("desk-session", "/desk/sessions/{session}", "A session that runs", OPERATOR),
    Entry("desk-session-halted", "/desk/sessions/{session}", "A session that is halted", OPERATOR, values=_HALTED),
    Entry("desk-session-over", "/desk/sessions/{session}", "A session that is over", OPERATOR, values=_MORNING),
    Entry("desk-session-move", "/desk/sessions/{session}/phase", "The next phase by hand", OPERATOR),
    Entry("desk-session-cancel", "/desk/sessions/{session}/cancel", "A session is cancelled", OPERATOR),
    Entry("desk-bands", "/desk/sessions/{session}/bands", "The price bands of a session", OPERATOR),
    Entry("desk-band", "/desk/sessions/{session}/band", "A price band is set", OPERATOR, f"instrument={REBAR}"),
    Entry("desk-mass-cancel", "/desk/sessions/{session}/mass-cancel", "Several orders are cancelled", OPERATOR),
    Entry("desk-watching", "/desk/supervision", "Which session to watch", OPERATOR),
    Entry("desk-watch", "/desk/supervision/{session}", "A session live, with all names", OPERATOR),
    Entry("desk-watch-orders", "/desk/supervision/{session}/orders", "All orders of a session", OPERATOR),
    Entry("desk-watch-deals", "/desk/supervision/{session}/deals", "All deals of a session", AUDITOR),
    Entry("desk-order", "/desk/orders/{order}", "One order, as the desk sees it", OPERATOR),
    Entry("desk-order-cancel", "/desk/orders/{order}/cancel", "An order is cancelled for a participant", OPERATOR),
    Entry("desk-deal", "/desk/deals/{deal}", "One deal, as the desk sees it", OPERATOR),
    Entry("desk-deal-annul", "/desk/deals/{deal}/annul", "A deal is annulled", OPERATOR),
    Entry("desk-notices", "/desk/notices", "Notices are written", OPERATOR),
    Entry("desk-notice", "/desk/notices/{notice}", "One notice", OPERATOR, values={"notice": "1"}),
    Entry("desk-journal", "/desk/journal", "The journal", OPERATOR),
    Entry("desk-journal-checking", "/desk/journal-checking", "How the journal is checked", AUDITOR),
    Entry("desk-record", "/desk/journal/{number}", "One record and its proof", AUDITOR),
    Entry("desk-health", "/desk/health", "Lamps", OPERATOR),
    Entry("empty-desk", "/desk", "The desk on the first morning", "olga", empty=True),
    Entry("empty-desk-sessions", "/desk/sessions", "No session yet", "olga", empty=True),
    Entry("empty-desk-watching", "/desk/supervision", "Nothing to watch", "olga", empty=True),
    Entry("empty-desk-notices", "/desk/notices", "No notice yet", "olga", empty=True),
)  # fmt: skip
DESK_RECORDS: Final = (
    Entry("desk-participants", "/desk/participants", "Participants", OPERATOR),
    Entry("desk-participants-none", "/desk/participants", "Participants: nobody is found", OPERATOR, "q=no-such"),
    Entry("desk-register", "/desk/participants/new", "A participant is registered", OPERATOR),
    Entry("desk-register-refused", "/desk/participants/new", "A registration with errors", OPERATOR,
          act=_send("main form[method=post]", participant="demo-buyer", name="")),
    Entry("desk-several", "/desk/participants/several", "Several are registered at once", OPERATOR),
    Entry("desk-participant", "/desk/participants/{participant}", "A participant who trades", OPERATOR,
          values={"participant": BUYER}),
    Entry("desk-participant-new", "/desk/participants/{participant}", "A participant just registered", OPERATOR,
          values={"participant": "fresh-mill"}),
    Entry("desk-participant-broker", "/desk/participants/{participant}", "A broker", OPERATOR,
          values={"participant": BROKER}),
    Entry("desk-participant-suspended", "/desk/participants/{participant}", "A participant who is suspended", OPERATOR,
          values={"participant": "@suspended"}),
    Entry("desk-suspend", "/desk/participants/{participant}/suspend", "A participant is suspended", OPERATOR,
          values={"participant": BUYER}),
    Entry("desk-reinstate", "/desk/participants/{participant}/reinstate", "A suspension is ended", OPERATOR,
          values={"participant": "@suspended"}),
    Entry("desk-traders", "/desk/traders", "Traders", OPERATOR),
    Entry("desk-trader-withdraw", "/desk/traders/{trader}/withdraw", "A trader's authority is ended", OPERATOR,
          values={"trader": "t-demo-buyer"}),
    Entry("desk-clients", "/desk/clients", "Brokers' clients", OPERATOR),
    Entry("desk-logins", "/desk/logins", "Logins", OPERATOR),
    Entry("desk-login", "/desk/logins/{login}", "One login", OPERATOR),
    Entry("desk-switch", "/desk/switches/{kind}/{subject}", "Somebody is stopped at once", OPERATOR,
          values={"kind": "trader", "subject": "@trader"}),
    Entry("desk-goods", "/desk/goods", "Commodity cards", OPERATOR),
    Entry("desk-good", "/desk/goods/{card}", "One card and its instruments", OPERATOR, values={"card": REBAR}),
    Entry("desk-good-new", "/desk/goods/new", "A card is listed like another", OPERATOR, f"like={REBAR}"),
    Entry("desk-instruments", "/desk/instruments", "Instruments", OPERATOR),
    Entry("desk-instrument-new", "/desk/goods/{card}/instrument", "An instrument is listed", OPERATOR,
          values={"card": REBAR}),
    Entry("desk-money", "/desk/money", "Deposits", OPERATOR),
    Entry("desk-credits", "/desk/money/credits", "Money that came in", OPERATOR),
    Entry("desk-credit", "/desk/money/credit", "Money is entered", OPERATOR, f"participant={BUYER}"),
    Entry("desk-credit-refused", "/desk/money/credit", "An amount that is refused", OPERATOR, f"participant={BUYER}",
          act=_send("main form[method=post]", amount="-5")),
    Entry("desk-withdrawals", "/desk/withdrawals", "Withdrawals", OPERATOR),
    Entry("desk-withdrawal", "/desk/withdrawals/{withdrawal}", "One withdrawal", OPERATOR,
          values={"withdrawal": "w-2"}),
    Entry("desk-withdrawal-new", "/desk/withdrawals/new", "A withdrawal is requested", OPERATOR),
    Entry("desk-contracts", "/desk/contracts", "Contracts", OPERATOR),
    Entry("desk-contract", "/desk/contracts/{deal}", "One contract", OPERATOR, values={"deal": "@contract"}),
    Entry("desk-statement", "/desk/statement/{participant}", "A participant's statement", OPERATOR,
          values={"participant": BUYER}),
    Entry("desk-proposals", "/desk/proposals", "What waits for a second person", "demo-operator-2"),
    Entry("desk-proposal", "/desk/proposals/{proposal}", "One proposal", "demo-operator-2"),
    Entry("empty-desk-clients", "/desk/clients", "No client yet", "olga", empty=True),
    Entry("empty-desk-goods", "/desk/goods", "No card yet", "olga", empty=True),
    Entry("empty-desk-instruments", "/desk/instruments", "No instrument yet", "olga", empty=True),
    Entry("empty-desk-money", "/desk/money", "No deposit yet", "olga", empty=True),
    Entry("empty-desk-withdrawals", "/desk/withdrawals", "No withdrawal yet", "olga", empty=True),
    Entry("empty-desk-contracts", "/desk/contracts", "No contract yet", "olga", empty=True),
    Entry("empty-desk-proposals", "/desk/proposals", "Nothing waits for a second person", "olga", empty=True),
)  # fmt: skip
ENTRIES: Final = (*PUBLIC, *ENTERING, *TERMINAL, *ACCOUNT, *DESK_RUNNING, *DESK_RECORDS)
