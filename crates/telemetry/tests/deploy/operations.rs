//! The dashboard of whoever runs it: is it well, and where is the time lost.

use telemetry::names;

use crate::dashboard::{Dashboard, Form, Row, Unit, lines, panel, row};
use crate::expression::{p95, rate, share, value};
use crate::recordings::OWN_FAULTS;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard {
        file: "operations",
        title: "MCP cost server: operations",
        description: "Is it well, and where is the time lost. Made from the names of the metrics; docs/runbooks.md says what to do.",
        rows: vec![
            at_a_glance(),
            calls(),
            steps(),
            broker(),
            caches(),
            redis(),
            outside(),
            turns(),
            records(),
            watched(),
        ],
    }
}

fn at_a_glance() -> Row {
    let calls = rate(names::GATEWAY_TOOL_DURATION, &[], &[]);
    let own_faults = rate(names::GATEWAY_REFUSALS, &[], OWN_FAULTS);
    let requests = rate(names::HTTP_SERVER_REQUEST_DURATION, &[], &[]);
    let missing = value("sum", names::BROKER_PREFLIGHT_FINDINGS, &[], &[(names::RESULT, "=", "missing")]);
    let stale = [names::GATEWAY_FILES_STALE, names::BROKER_FILES_STALE];
    row(
        "At a glance",
        vec![
            panel(Form::Figure, "Tool calls", "Of all tools, a second.", Unit::PerSecond, [calls]),
            panel(
                Form::Below(0.01, 0.05),
                "Own faults",
                "Share of requests refused for a fault of ours, of Entra ID or of the set-up: no person can mend it.",
                Unit::Share,
                [share(&own_faults, &[&requests])],
            ),
            panel(
                Form::Below(10.0, 30.0),
                "Tool calls, 95 %",
                "95 of 100 tool calls end within this time.",
                Unit::Seconds,
                [p95(names::GATEWAY_TOOL_DURATION, &[])],
            ),
            panel(
                Form::AtLeast(30.0, 7.0),
                "Credential",
                "Days until the broker's own certificate ends; nothing where the credential renews itself.",
                Unit::Days,
                [value("min", names::BROKER_CREDENTIAL_DAYS_LEFT, &[], &[])],
            ),
            panel(
                Form::AtLeast(7.0, 2.0),
                "Broker's TLS",
                "Days until the certificate of the broker's own addresses ends.",
                Unit::Days,
                [value("min", names::BROKER_TLS_DAYS_LEFT, &[], &[])],
            ),
            panel(
                Form::AtLeast(1.0, 1.0),
                "Audit",
                "1 while every service can write its records.",
                Unit::Count,
                [value("min", names::AUDIT_UP, &[], &[])],
            ),
            panel(
                Form::Below(1.0, 1.0),
                "Missing in the tenant",
                "What the last preflight found missing.",
                Unit::Count,
                [missing],
            ),
            panel(
                Form::Below(1.0, 1.0),
                "Files not in force",
                "Changed files that cannot be used: what stood in them before is in force.",
                Unit::Count,
                stale.map(|name| value("sum", name, &[], &[]).called(service_of(name))),
            ),
        ],
    )
}

fn calls() -> Row {
    let failed = [(names::OUTCOME, "=", names::OUTCOME_ERROR)];
    row(
        "Calls",
        vec![
            lines(
                "HTTP requests",
                "By route and status.",
                Unit::PerSecond,
                [rate(
                    names::HTTP_SERVER_REQUEST_DURATION,
                    &[names::HTTP_ROUTE, names::HTTP_RESPONSE_STATUS_CODE],
                    &[],
                )],
            ),
            lines(
                "Refusals by reason",
                "By the code of the problem document: docs/refusals.md.",
                Unit::PerSecond,
                [rate(names::GATEWAY_REFUSALS, &[names::ERROR_TYPE], &[])],
            ),
            lines(
                "Tool calls",
                "By tool and how they ended.",
                Unit::PerSecond,
                [rate(names::GATEWAY_TOOL_DURATION, &[names::TOOL_NAME, names::OUTCOME], &[])],
            ),
            lines(
                "Failed tool calls",
                "By tool and code.",
                Unit::PerSecond,
                [rate(names::GATEWAY_TOOL_DURATION, &[names::TOOL_NAME, names::ERROR_TYPE], &failed)],
            ),
            lines(
                "Connections of clients",
                "Open ones, the admin address's among them.",
                Unit::Count,
                [value("sum", names::GATEWAY_CONNECTIONS, &["instance"], &[])],
            ),
            lines(
                "Connections not let in",
                "Or ended to make room, by cause.",
                Unit::PerSecond,
                [rate(names::GATEWAY_CONNECTIONS_REFUSED, &[names::CAUSE], &[])],
            ),
        ],
    )
}

fn steps() -> Row {
    let step =
        |title, description, name, by: &[&str]| lines(title, description, Unit::Seconds, [p95(name, by)]);
    row(
        "Where the time goes: 95 of 100 within",
        vec![
            step(
                "1. The whole request",
                "At the gateway, by route.",
                names::HTTP_SERVER_REQUEST_DURATION,
                &[names::HTTP_ROUTE],
            ),
            step(
                "2. The operation of MCP",
                "By method.",
                names::MCP_SERVER_OPERATION_DURATION,
                &[names::MCP_METHOD_NAME],
            ),
            step("3. The tool", "By tool.", names::GATEWAY_TOOL_DURATION, &[names::TOOL_NAME]),
            step(
                "4. Asking the broker",
                "At the gateway, all tries included.",
                names::RPC_CLIENT_CALL_DURATION,
                &[names::RPC_METHOD],
            ),
            step(
                "5. The broker's answer",
                "At the broker, by method.",
                names::RPC_SERVER_CALL_DURATION,
                &[names::RPC_METHOD],
            ),
            step(
                "6. The exchange",
                "At the broker, by who answered: this process's memory, Redis, or Entra ID (miss).",
                names::BROKER_EXCHANGE_DURATION,
                &[names::CACHE],
            ),
            step("7. Entra ID", "Its token endpoint.", names::BROKER_ENTRA_DURATION, &[names::OUTCOME]),
            step(
                "8. Each request outside",
                "To Azure and to Entra ID, by path without ids.",
                names::HTTP_CLIENT_REQUEST_DURATION,
                &[names::URL_TEMPLATE],
            ),
            step(
                "Writing the audit",
                "One group of records; a call waits for its own.",
                names::AUDIT_WRITE_DURATION,
                &["job"],
            ),
        ],
    )
}

fn broker() -> Row {
    row(
        "Token broker",
        vec![
            lines(
                "Exchanges",
                "By how they ended.",
                Unit::PerSecond,
                [rate(names::BROKER_EXCHANGES, &[names::OUTCOME, names::ERROR_TYPE], &[])],
            ),
            lines(
                "Exchanges of each consumer",
                "A consumer is a service that calls the broker.",
                Unit::PerSecond,
                [rate(names::BROKER_EXCHANGES, &[names::CONSUMER], &[])],
            ),
            lines(
                "Entra ID's numbers",
                "AADSTS numbers of failed exchanges.",
                Unit::PerSecond,
                [rate(names::BROKER_EXCHANGES, &[names::AADSTS], &[(names::AADSTS, "!=", "")])],
            ),
            lines(
                "Under way",
                "Exchanges being worked on.",
                Unit::Count,
                [value("sum", names::BROKER_INFLIGHT, &["instance"], &[])],
            ),
            lines(
                "Consumers turned away",
                "By cause; the consumer where it is known.",
                Unit::PerSecond,
                [rate(names::BROKER_CONSUMER_REFUSALS, &[names::CAUSE, names::CONSUMER], &[])],
            ),
            lines(
                "Connections",
                "Open ones, and those not let in each second by cause.",
                Unit::Count,
                [
                    value("sum", names::BROKER_CONNECTIONS, &["instance"], &[]),
                    rate(names::BROKER_CONNECTIONS_REFUSED, &[names::CAUSE], &[])
                        .called("refused: {{cause}}"),
                ],
            ),
        ],
    )
}

fn caches() -> Row {
    let hits = rate(names::BROKER_CACHE_HITS, &[], &[]);
    let misses = rate(names::BROKER_CACHE_MISSES, &[], &[]);
    row(
        "Cache",
        vec![
            lines(
                "Answered from a cache",
                "Share of the exchanges that Entra ID was not asked for.",
                Unit::Share,
                [share(&hits, &[&hits, &misses])],
            ),
            lines(
                "Hits and misses",
                "Hits by level: local is this process's memory, shared is Redis.",
                Unit::PerSecond,
                [rate(names::BROKER_CACHE_HITS, &[names::LEVEL], &[]), misses.called("miss")],
            ),
            lines(
                "Entries",
                "Tokens and refusals in memory.",
                Unit::Count,
                [value("sum", names::BROKER_CACHE_ENTRIES, &["instance"], &[])],
            ),
            lines(
                "Memory",
                "What they take, about.",
                Unit::Bytes,
                [value("sum", names::BROKER_CACHE_SIZE, &["instance"], &[])],
            ),
            lines(
                "Evictions",
                "By cause: size means that the memory is too small.",
                Unit::PerSecond,
                [rate(names::BROKER_CACHE_EVICTIONS, &[names::CAUSE], &[])],
            ),
            lines(
                "Refreshes",
                "In the background, before a token ends.",
                Unit::PerSecond,
                [rate(names::BROKER_CACHE_REFRESHES, &[names::OUTCOME], &[])],
            ),
        ],
    )
}

fn redis() -> Row {
    row(
        "Redis and purges",
        vec![
            lines(
                "Redis answers",
                "1 while it does; 0 while that replica goes on by itself.",
                Unit::Count,
                [value("min", names::BROKER_REDIS_UP, &["instance"], &[])],
            ),
            lines(
                "Redis: 95 of 100 within",
                "By operation.",
                Unit::Seconds,
                [p95(names::BROKER_REDIS_DURATION, &[names::OPERATION])],
            ),
            lines(
                "Found and of no use",
                "Forged means that somebody else writes to this Redis.",
                Unit::PerSecond,
                [rate(names::BROKER_REDIS_UNUSABLE, &[names::CAUSE], &[])],
            ),
            lines(
                "Purges",
                "Of users, by how they ended.",
                Unit::PerSecond,
                [rate(names::BROKER_PURGES, &[names::OUTCOME], &[])],
            ),
        ],
    )
}

fn outside() -> Row {
    row(
        "Entra ID and Azure",
        vec![
            lines(
                "Requests by host and status",
                "Where there was no answer, by what was wrong.",
                Unit::PerSecond,
                [rate(
                    names::HTTP_CLIENT_REQUEST_DURATION,
                    &[names::SERVER_ADDRESS, names::HTTP_RESPONSE_STATUS_CODE, names::ERROR_TYPE],
                    &[],
                )],
            ),
            lines(
                "Requests to the token endpoint",
                "What Entra ID's throttling counts.",
                Unit::PerSecond,
                [rate(names::BROKER_ENTRA_REQUESTS, &[names::OUTCOME], &[])],
            ),
            lines(
                "Pauses",
                "Began because Entra ID throttles or fails, by resource and cause.",
                Unit::PerSecond,
                [rate(names::BROKER_ENTRA_PAUSES, &[names::RESOURCE, names::CAUSE], &[])],
            ),
            lines(
                "Held back",
                "Exchanges that were not sent, because of a pause.",
                Unit::PerSecond,
                [rate(names::BROKER_ENTRA_THROTTLED, &[names::RESOURCE], &[])],
            ),
            lines(
                "Age of the signing keys",
                "They are renewed each hour, and believed for 24.",
                Unit::Seconds,
                [value("max", names::IDENTITY_JWKS_AGE, &["job", "instance"], &[])],
            ),
            lines(
                "Preflight",
                "What the last look at the tenant found, but what is right.",
                Unit::Count,
                [value(
                    "max",
                    names::BROKER_PREFLIGHT_FINDINGS,
                    &[names::CHECK, names::RESULT],
                    &[(names::RESULT, "!=", "ok")],
                )],
            ),
        ],
    )
}

fn turns() -> Row {
    row(
        "Questions to Cost Management",
        vec![
            lines(
                "Query units left",
                "Of ten seconds, of a minute and of an hour, as this server counts and Azure's answers correct. All tools of the directory share \
                 them.",
                Unit::Count,
                [value("min", names::GATEWAY_COST_UNITS_LEFT, &[names::WINDOW], &[])],
            ),
            lines(
                "Questions that wait",
                "For their turn at Azure, at each gateway.",
                Unit::Count,
                [value("sum", names::GATEWAY_COST_QUEUE, &["instance"], &[])],
            ),
            lines(
                "How long they wait",
                "95 of 100 have their turn within this time, by why they wait.",
                Unit::Seconds,
                [p95(names::GATEWAY_COST_WAIT_DURATION, &[names::KIND])],
            ),
            lines(
                "Answers that are given again",
                "Looks into the answers that are kept, by what was found.",
                Unit::PerSecond,
                [rate(names::GATEWAY_COST_CACHE_LOOKUPS, &[names::RESULT], &[])],
            ),
            lines(
                "Answers that were still to come",
                "Calls that were told so, and answers that were fetched later.",
                Unit::PerSecond,
                [rate(names::GATEWAY_COST_PENDING, &[names::RESULT], &[])],
            ),
        ],
    )
}

fn records() -> Row {
    let stale = [names::GATEWAY_FILES_STALE, names::BROKER_FILES_STALE];
    row(
        "Audit and files",
        vec![
            lines(
                "Audit records",
                "Written, by kind.",
                Unit::PerSecond,
                [rate(names::AUDIT_RECORDS, &["job", names::KIND], &[])],
            ),
            lines(
                "Audit records lost",
                "There was no room for them.",
                Unit::PerSecond,
                [rate(names::AUDIT_LOST, &["job", "instance"], &[])],
            ),
            lines(
                "Files not in force",
                "1 while a followed file holds something else than what is in force.",
                Unit::Count,
                stale.map(|name| {
                    let words = format!("{} {{{{instance}}}} {{{{file}}}}", service_of(name));
                    value("max", name, &["instance", names::FILE], &[]).called(&words)
                }),
            ),
        ],
    )
}

fn watched() -> Row {
    row(
        "What is sent to the collector",
        vec![
            lines(
                "Spans sent",
                "The collector took them.",
                Unit::PerSecond,
                [rate(names::TELEMETRY_SPANS_EXPORTED, &["job", "instance"], &[])],
            ),
            lines(
                "Spans lost",
                "The collector is slower than they come (full), or does not take them (failed).",
                Unit::PerSecond,
                [rate(names::TELEMETRY_SPANS_DROPPED, &["job", "instance", names::CAUSE], &[])],
            ),
            lines(
                "Exports that failed",
                "Of traces, metrics and checkpoints of the audit.",
                Unit::PerSecond,
                [rate(names::TELEMETRY_EXPORTS_FAILED, &["job", names::SIGNAL], &[])],
            ),
            lines(
                "What runs",
                "How many of each version: two of them while one replaces the other.",
                Unit::Count,
                [names::GATEWAY_BUILD_INFO, names::BROKER_BUILD_INFO].map(|name| {
                    let words = format!("{} {{{{version}}}}", service_of(name));
                    value("sum", name, &[names::VERSION], &[]).called(&words)
                }),
            ),
        ],
    )
}

fn service_of(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}
