"""Each construct of mrkdwn and of the markdown block as the nodes it becomes; whatever else stands there stays text."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.demo.page import town
from tests.demo.page.stand_in import StandIn, served

pytestmark = pytest.mark.browser

AT = 1_795_521_790  # 24 Nov 2026 13:03:10 in Berlin
UTC_TITLE = 'datetime="2026-11-24T12:03:10.000Z" title="2026-11-24 12:03:10 UTC"'
OUT = 'target="_blank" rel="noopener noreferrer"'

MRKDWN = {
    "plain & simple": "plain &amp; simple",
    "*bold* _italic_ ~strike~ `code`": "<strong>bold</strong> <em>italic</em> <s>strike</s> <code>code</code>",
    "*bold _and italic_*": "<strong>bold <em>and italic</em></strong>",
    "a*b*c snake_case_name 2 * 3 * 4": "a*b*c snake_case_name 2 * 3 * 4",
    "*not\nover lines*": "*not\nover lines*",
    "`*no bold* <https://a.example|here>`": "<code>*no bold* here</code>",
    "&lt;b&gt; &amp;lt; &quot;": "&lt;b&gt; &amp;lt; &amp;quot;",
    "<https://a.example/?a=1&amp;b=2|a *b*>": f'<a href="https://a.example/?a=1&amp;b=2" {OUT}>a *b*</a>',
    "<https://a.example>": f'<a href="https://a.example" {OUT}>https://a.example</a>',
    "<mailto:ada@a.example|Ada>": f'<a href="mailto:ada@a.example" {OUT}>Ada</a>',
    "see https://a.example/x.": f'see <a href="https://a.example/x" {OUT}>https://a.example/x</a>.',
    "<@U0BEN> <@U0BEN|b> <@U0WHO> <@U0WHO|who>": (
        '<span class="mention">@Ben</span> <span class="mention">@Ben</span> '
        '<span class="mention">@U0WHO</span> <span class="mention">@who</span>'
    ),
    "<#C0ONCALL> <#C0OTHER|other>": '<span class="mention">#on-call</span> <span class="mention">#other</span>',
    "<!here> <!subteam^S0SRE> <!subteam^S0SRE|@sre>": (
        '<span class="mention">@here</span> <span class="mention">@S0SRE</span> <span class="mention">@sre</span>'
    ),
    f"<!date^{AT}^{{date_num}} {{time_secs}}|fallback>": f"<time {UTC_TITLE}>2026-11-24 13:03:10</time>",
    f"<!date^{AT}^{{nonsense}}|fallback>": "<span>fallback</span>",
    "<!date^x^{time}|fallback>": "<span>fallback</span>",
    ":white_check_mark: :not_an_emoji: 12:03:10": (
        '<span class="emoji" role="img" aria-label="white check mark">✅</span> :not_an_emoji: 12:03:10'
    ),
    "<script>hacked = 1</script>": "&lt;script&gt;hacked = 1&lt;/script&gt;",
    "<img src=x onerror=hacked=1>": "&lt;img src=x onerror=hacked=1&gt;",
    "<javascript:hacked=1|here>": "&lt;javascript:hacked=1|here&gt;",
    "<data:text/html,hacked|here>": "&lt;data:text/html,hacked|here&gt;",
    "<https://|here>": (
        '<span class="no-link" title="Not a link: its address is not a web address">here</span>'
    ),
    "*" * 40 + "_" * 40: "*" * 40 + "_" * 40,
}  # fmt: skip

MARKDOWN = {
    "# Title": '<p class="heading" role="heading" aria-level="4">Title</p>',
    "**bold** *it* _it_ ~~no~~ `code` \\*": (
        "<p><strong>bold</strong> <em>it</em> <em>it</em> <s>no</s> <code>code</code> *</p>"
    ),
    "- one\n- two": "<ul><li>one</li><li>two</li></ul>",
    "3. one\n4. two": '<ol start="3"><li>one</li><li>two</li></ol>',
    "> quoted": "<blockquote><p>quoted</p></blockquote>",
    "---": "<hr>",
    "[here](https://a.example)": f'<p><a href="https://a.example" {OUT}>here</a></p>',
    "[here](javascript:hacked)": (
        '<p><span class="no-link" title="Not a link: its address is not a web address">here</span></p>'
    ),
    "<b>no</b>": "<p>&lt;b&gt;no&lt;/b&gt;</p>",
    "snake_case_name": "<p>snake_case_name</p>",
}


@pytest.fixture(scope="module")
def bench(browser: Browser) -> Iterator[Page]:
    """A page where the modules can be called alone."""
    with served(StandIn(shared=town.shared())) as stand_in:
        context = browser.new_context(timezone_id="Europe/Berlin")
        page = context.new_page()
        page.goto(stand_in.url)
        yield page
        context.close()


def rendered(bench: Page, text: str) -> str:
    html: str = bench.evaluate(
        """async (text) => {
          const { mrkdwn } = await import("/mrkdwn.js");
          const names = {
            users: new Map([["U0BEN", { name: "Ben" }]]),
            channels: new Map([["C0ONCALL", { name: "on-call" }]]),
            now: new Date("2026-11-24T13:00:00Z"),
          };
          const place = document.createElement("div");
          place.append(...mrkdwn(text, names));
          return place.innerHTML;
        }""",
        text,
    )
    return html


@pytest.mark.parametrize("text", MRKDWN)
def test_a_run_of_mrkdwn_becomes_these_nodes(bench: Page, text: str) -> None:
    html = rendered(bench, text)

    assert html == f'<span class="run">{MRKDWN[text]}</span>'


def test_fences_and_quotes_stand_between_runs(bench: Page) -> None:
    html = rendered(
        bench, "before\n```\n*a*\n  b &lt;c&gt;\n```\n&gt; *said*\n&gt; twice\nafter\n&gt;&gt;&gt; all\nthe rest"
    )

    assert html == (
        '<span class="run">before</span>'
        '<pre><span class="line" style="--hang: 2ch;">*a*\n</span>'
        '<span class="line" style="--hang: 4ch;">  b &lt;c&gt;</span></pre>'
        "<blockquote><strong>said</strong>\ntwice</blockquote>"
        '<span class="run">after</span>'
        "<blockquote>all\nthe rest</blockquote>"
    )


@pytest.mark.parametrize("text", MARKDOWN)
def test_a_markdown_block_becomes_these_nodes(bench: Page, text: str) -> None:
    html = bench.evaluate(
        'async (text) => (await import("/markdown.js")).markdown(text).innerHTML',
        text,
    )

    assert html == MARKDOWN[text]


@pytest.mark.parametrize("text", ["*_~" * 1_000, "<" * 3_000, "`*" * 1_500, "*a " * 1_000, "&gt;" * 750, "**a" * 1_000])
def test_no_text_keeps_the_page_busy(bench: Page, text: str) -> None:
    took_ms = bench.evaluate(
        """async (text) => {
          const { mrkdwn } = await import("/mrkdwn.js");
          const { markdown } = await import("/markdown.js");
          const from = performance.now();
          mrkdwn(text, { users: new Map(), channels: new Map(), now: new Date() });
          markdown(text);
          return performance.now() - from;
        }""",
        text,
    )

    assert took_ms < 2_000


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("{date_short_pretty} {time}", "Today 13:03"),
        ("{date_short}", "24 Nov 2026"),
        ("{date_long}", "Tuesday, 24 November 2026"),
        ("{date_slash}", "11/24/2026"),
        ("at {time}, {ago}", "At 13:03, 57 min ago"),
        ("{constructor}", "fallback"),
        ("{date_num", "{date_num"),
    ],
)
def test_a_date_is_told_in_the_readers_zone(bench: Page, form: str, shown: str) -> None:
    text = bench.evaluate(
        """async ([timestamp, format]) => {
          const { moment } = await import("/dates.js");
          return moment({ timestamp, format, fallback: "fallback" }, new Date("2026-11-24T13:00:10Z")).textContent;
        }""",
        [AT, form],
    )

    assert text == shown
