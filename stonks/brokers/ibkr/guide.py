"""How a person connects Interactive Brokers, in our own words: shown beside the form and on the help page.

Names of buttons and fields are spelled as in IBKR's Client Portal, between asterisks.
"""

from __future__ import annotations

from stonks.brokers.contract import Guide, GuideSection, GuideStep, Question

TRADE_FIELDS = (
    "Symbol",
    "ISIN",
    "Trade ID",
    "Trade Date",
    "Buy/Sell",
    "Quantity",
    "TradePrice",
    "IB Commission",
    "Currency",
)
CASH_FIELDS = ("Symbol", "ISIN", "Date/Time", "Amount", "Type", "Transaction ID", "Currency")

_QUERY = GuideSection(
    "Make an Activity Flex Query",
    (
        GuideStep(
            "Sign in to IBKR’s Client Portal and open *Performance & Reports* → *Flex Queries*. In the panel "
            "*Activity Flex Query* press the plus sign, and give the query a name you will know again."
        ),
        GuideStep(
            "Under *Sections* choose *Trades*. Of its options tick *Executions* only: orders, closed lots and "
            "summaries repeat the same trades. Then tick these fields:",
            TRADE_FIELDS,
        ),
        GuideStep(
            "For dividends, choose *Cash Transactions* as well. Tick *Dividends* and *Withholding Tax*, and these "
            "fields:",
            CASH_FIELDS,
        ),
        GuideStep("Under *Delivery Configuration* set *Format* to *CSV* and *Period* to *Last 365 Calendar Days*."),
        GuideStep(
            "Press *Continue*, then *Create*. Back in the list, press the information icon beside the query: the "
            "number there is the *Query ID*."
        ),
    ),
    note="More fields or sections do no harm. The column order does not matter.",
)

_TOKEN = GuideSection(
    "Make a token for the Flex Web Service",
    (
        GuideStep(
            "On the same page open *Flex Web Service Configuration* with the gear icon and switch *Flex Web Service "
            "Status* on."
        ),
        GuideStep(
            "In *Should Expire After* choose the longest life, one year. The default is 6 hours, and a token that has "
            "expired stops the sync."
        ),
        GuideStep(
            "Leave *Valid For IP Address* empty, unless the machine that runs Stonksfolio always has the same public "
            "address."
        ),
        GuideStep("Press *Generate New Token* and copy the long number. Making a new token ends the one before."),
    ),
    note="IBKR can take up to 30 minutes to activate a new token. Until then it may say that the token is invalid.",
)

_CONNECT = GuideSection(
    "Connect the portfolio",
    (
        GuideStep("Paste the *Query ID* and the token into the form, and press *Test Connection*."),
        GuideStep(
            "The test fetches one statement and tells what is in it and what is missing. It stores no transaction. "
            "Then press *Save*: the first sync starts at once."
        ),
    ),
)

GUIDE = Guide(
    access=(
        "The access is read-only. With this token Stonksfolio can fetch the statement that you describe in the query, "
        "and nothing else: it cannot trade, move money, change settings or sign in."
    ),
    revoke=(
        "To take the access back, open *Performance & Reports* → *Flex Queries* → *Flex Web Service Configuration* in "
        "Client Portal and switch *Flex Web Service Status* off, or generate a new token: the one Stonksfolio holds "
        "stops working at that moment. Deleting the query there works as well."
    ),
    sections=(_QUERY, _TOKEN, _CONNECT),
    how_it_works=(
        "IBKR closes its books once a day, during the night in New York. Every connected portfolio is synced once a "
        "day after that, between 06:00 and 10:00 UTC: a trade filled on Monday is here on Tuesday morning. If the "
        "statement does not hold the last business day yet, it is asked for once more, some hours later.",
        "A sync has two parts. Stonksfolio asks IBKR to make the statement of the last 365 days, waits while IBKR "
        "makes it, which takes from seconds to some minutes, and then fetches it. Rows that are already known are "
        "skipped; new ones are added and shown for review.",
        "New transactions count from the moment they are imported. The review is for reading them and for discarding "
        "what does not belong here; a discarded transaction does not come back with the next sync.",
        "A row that cannot be read is set aside and shown with its line and the reason. It is never dropped in "
        "silence, and the rows around it are imported.",
        "When IBKR is busy or out of reach, the sync waits and tries again later. Only when IBKR refuses the token or "
        "the query does the automatic sync stop; a banner then says why and leads to the form.",
    ),
    details=(
        "One request reaches back 365 days at most. For older history, run the query in Client Portal for each "
        "earlier year, and upload the files under Import. Days that overlap add nothing twice.",
        "Many accounts get only one new statement a day. The statement of a connection test is therefore kept, sealed, "
        "and becomes the first import when the same Query ID and token are saved.",
        "IBKR counts failed requests. After too many it locks a token for about half a day (code 1025). Stonksfolio "
        "spaces its requests and waits a lock out; uploads by hand work meanwhile.",
        "A Query ID belongs to the username that made it. Query and token must come from the same username.",
        "Executions are imported, so an order filled in five parts is five transactions. Cancelled trades and their "
        "replacements are followed.",
        "Currency conversions come with the trades. They are shown as conversions and never as shares.",
        "Stock splits, transfers and other corporate actions are not trades and are not in these two sections. The "
        "sections Corporate Actions and Transfers may be added to the query; they are read when they are there.",
        "The token is sealed before it is stored. It does not appear in pages, logs or error messages; the form shows "
        "only its last four characters.",
    ),
    questions=(
        Question(
            "When does a trade show up?",
            "On the morning after the trading day, between 06:00 and 10:00 UTC. IBKR does not give out a day before "
            "its books are closed, so Sync now during the day usually brings nothing newer than yesterday.",
        ),
        Question(
            "Can Stonksfolio trade or move money?",
            "No. The Flex Web Service only hands out statements. There is no way to trade, withdraw or change anything "
            "with its token.",
        ),
        Question(
            "What happens when the token expires?",
            "IBKR answers with code 1012, the automatic sync stops and a banner says so. Your transactions stay. Make "
            "a new token, paste it over the old one and save: the next sync brings what was missed. If you enter the "
            "token’s expiry date, you are reminded 30, 7 and 1 days before.",
        ),
        Question(
            "Can a transaction arrive twice?",
            "No. Every row has an identity made from its own facts, and a portfolio holds each identity once, however "
            "often it is synced or uploaded. If you typed a trade in by hand before its first sync, though, delete "
            "one of the two.",
        ),
        Question(
            "Can I connect more than one portfolio?",
            "Yes. Each portfolio has its own connection. Use a query per account, or use one query for two portfolios "
            "and split it with Only this currency: EUR here, USD there. A conversion goes to the portfolio of the "
            "pair’s second currency, USD for EUR.USD.",
        ),
        Question(
            "How do I turn it off?",
            "Empty the token field and save. The automatic sync stops at once, the sealed token is deleted and your "
            "transactions stay.",
        ),
        Question(
            "How do I revoke the access at IBKR?",
            "Open Performance & Reports → Flex Queries → Flex Web Service Configuration in Client Portal and switch "
            "Flex Web Service Status off, or generate a new token.",
        ),
        Question(
            "The token is new, but IBKR calls it invalid. Why?",
            "IBKR can take up to 30 minutes to activate a token. Save it: for the first hour Stonksfolio tries again "
            "every ten minutes and tells you when it works.",
        ),
    ),
    file_for_days=(
        "In Client Portal open *Performance & Reports* → *Flex Queries* and press the arrow beside your query to run "
        "it. Set *Period* to *Custom Date Range* with these days, which may be 365 at most, and *Format* to *CSV*, press "
        "*Run* and upload the file."
    ),
    telling_period=(
        "In Client Portal edit the query and set *Delivery Configuration* → *Include header and trailer records?* to "
        "*Yes*: then every statement tells which days it covers."
    ),
)
