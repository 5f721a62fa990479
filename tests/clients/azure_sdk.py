"""Microsoft's own libraries for Azure's costs (PyPI `azure-mgmt-costmanagement`, `azure-mgmt-consumption`,
`azure-mgmt-subscription`, with `azure-identity`), unchanged, on behalf of a person.

    OBO_AUTHORITY=https://localhost:8443/<tenant> OBO_CLIENT_ID=... OBO_CERTIFICATE=pair.pem \\
    OBO_ASSERTION=<the user's token> ARM_ENDPOINT=https://localhost:8444 CA_FILE=ca.pem \\
    azure_sdk.py FROM TO SCOPE...

Asks each scope for what its costs are by service and day, over as many pages as the link says; for its forecast; for its
dimensions and tags; for its budgets; where it is a subscription, for its cost details; and where it is a billing scope, for the use
of its benefits, for recommendations and lots. Prints one JSON line. Exit code 0, or 1 where a library could
not read an answer.
"""

import json
import os
import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

for override in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
    os.environ.pop(override, None)

from azure.core.exceptions import HttpResponseError  # noqa: E402
from azure.identity import OnBehalfOfCredential  # noqa: E402
from azure.mgmt.consumption import ConsumptionManagementClient  # noqa: E402
from azure.mgmt.costmanagement import CostManagementClient  # noqa: E402
from azure.mgmt.costmanagement import models  # noqa: E402
from azure.mgmt.subscription import SubscriptionClient  # noqa: E402

NO_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


def setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        sys.exit(f"azure_sdk: {name} is not set")
    return value


class Clients:
    def __init__(self) -> None:
        authority = urlsplit(setting("OBO_AUTHORITY"))
        trust = {"connection_verify": setting("CA_FILE")}
        credential = OnBehalfOfCredential(
            authority.path.strip("/"),
            setting("OBO_CLIENT_ID"),
            client_certificate=Path(setting("OBO_CERTIFICATE")).read_bytes(),
            user_assertion=setting("OBO_ASSERTION"),
            authority=f"{authority.scheme}://{authority.netloc}",
            # A private authority is in no public list of clouds.
            disable_instance_discovery=True,
            **trust,
        )
        arm = {"base_url": setting("ARM_ENDPOINT"), **trust}
        self.subscriptions = SubscriptionClient(credential, **arm).subscriptions
        self.costs = CostManagementClient(credential, **arm)
        self.consumption = ConsumptionManagementClient(credential, NO_SUBSCRIPTION, **arm)


def definition(start: str, end: str, kind: str) -> models.QueryDefinition:
    return models.QueryDefinition(
        type=kind,
        timeframe="Custom",
        time_period=models.QueryTimePeriod(from_property=f"{start}T00:00:00Z", to=f"{end}T23:59:59Z"),
        dataset=models.QueryDataset(
            granularity="Daily",
            aggregation={
                "cost": models.QueryAggregation(name="Cost", function="Sum"),
                "quantity": models.QueryAggregation(name="UsageQuantity", function="Sum"),
            },
            grouping=[
                models.QueryGrouping(type="Dimension", name="ServiceName"),
                models.QueryGrouping(type="TagKey", name="team"),
            ],
        ),
    )


def total(clients: Clients, scope: str, start: str, end: str, kind: str) -> dict:
    """Costs by currency. The library does not page: what its link says is given to it as parameters."""
    asked, sums, rows, pages, more = definition(start, end, kind), {}, 0, 0, {}
    while True:
        answer = clients.costs.query.usage(scope, asked, params={"$top": "20", **more})
        names = [column.name for column in answer.columns]
        for row in answer.rows:
            cells = dict(zip(names, row))
            currency = cells["Currency"]
            sums[currency] = sums.get(currency, Decimal()) + Decimal(repr(cells["Cost"]))
        rows, pages = rows + len(answer.rows), pages + 1
        if not answer.next_link:
            costs = {currency: format(cost.normalize(), "f") for currency, cost in sums.items()}
            return {"columns": names, "costs": costs, "rows": rows, "pages": pages}
        more = {"$skiptoken": parse_qs(urlsplit(answer.next_link).query)["$skiptoken"][0]}


def forecast(clients: Clients, scope: str, today: date) -> dict:
    """What the next ten days will cost, by day, in the words of the library's own types."""
    start, end = today + timedelta(days=1), today + timedelta(days=10)
    asked = models.ForecastDefinition(
        type="ActualCost",
        timeframe="Custom",
        time_period=models.ForecastTimePeriod(from_property=f"{start}T00:00:00Z", to=f"{end}T23:59:59Z"),
        dataset=models.ForecastDataset(
            granularity="Daily", aggregation={"cost": models.ForecastAggregation(name="Cost", function="Sum")}
        ),
        include_actual_cost=False,
        include_fresh_partial_cost=False,
    )
    answer = clients.costs.forecast.usage(scope, asked)
    names = [column.name for column in answer.columns]
    cells = [dict(zip(names, row)) for row in answer.rows]
    sums = {}
    for cell in cells:
        sums[cell["Currency"]] = sums.get(cell["Currency"], Decimal()) + Decimal(repr(cell["Cost"]))
    return {
        "columns": names,
        "costs": {currency: format(cost.normalize(), "f") for currency, cost in sums.items()},
        "days": sorted({cell["UsageDate"] for cell in cells}),
        "status": sorted({cell["CostStatus"] for cell in cells}),
        "next_link": answer.next_link,
    }


def dimensions(clients: Clients, scope: str) -> dict:
    listed = list(clients.costs.dimensions.list(scope, expand="properties/data", top=3))
    one = "properties/category eq 'ServiceName'"
    services = next(iter(clients.costs.dimensions.list(scope, filter=one, expand="properties/data", top=1000)))
    return {
        "categories": [dimension.category for dimension in listed],
        "services": services.data,
        "total": services.total,
        "usage_start": services.usage_start.isoformat(),
    }


def budgets(clients: Clients, scope: str) -> dict:
    """Both libraries' lists, over all pages, and the first budget by its name."""
    newer = list(clients.costs.budgets.list(scope))
    older = list(clients.consumption.budgets.list(scope))
    only = list(clients.costs.budgets.list(scope, filter="properties/category eq 'ReservationUtilization'"))

    def number(amount):
        # One of the libraries has decimals, the other doubles.
        return None if amount is None else float(amount)

    def told(budget) -> list:
        spend = budget.current_spend
        spent = None if spend is None else [number(spend.amount), spend.unit]
        return [budget.name, number(budget.amount), budget.time_grain, spent]

    own = [budget for budget in newer if budget.id.lower().startswith(f"{scope}/providers/".lower())]
    answer = {"newer": [told(budget) for budget in newer], "older": [told(budget) for budget in older]}
    if own:
        one = clients.costs.budgets.get(scope, own[0].name)
        answer["one"] = [told(one), one.time_period.start_date.isoformat(), sorted(one.notifications or {})]
    return {**answer, "reservations": [budget.name for budget in only]}


def report(clients: Clients, scope: str, start: str, end: str) -> dict:
    order = models.GenerateCostDetailsReportRequestDefinition(
        metric="ActualCost", time_period=models.CostDetailsTimePeriod(start=start, end=end)
    )
    try:
        done = clients.costs.generate_cost_details_report.begin_create_operation(scope, order).result()
    except HttpResponseError as error:
        return refusal(error)
    manifest = done.manifest
    return {"status": done.status, "blobs": manifest.blob_count, "valid_till": done.valid_till.isoformat()}


def plain(value: object) -> object:
    return None if value is None else str(value)


def benefits(clients: Clients, scope: str, start: str, end: str) -> dict:
    """How far savings plans and reservations are used, what more would save, and what is left of commitments."""
    account, *profile = [part for part in scope.split("/") if part][3::2]
    days = f"properties/usageDate ge {start} and properties/usageDate le {end}"
    used, lots = clients.costs.benefit_utilization_summaries, clients.consumption.lots
    if profile:
        listed = used.list_by_billing_profile_id(account, *profile, filter=days, grain_parameter="Daily")
        summaries = {"start_date": start, "end_date": end}
        lots = lots.list_by_billing_profile(account, *profile)
        events = clients.consumption.events.list_by_billing_profile(account, *profile, start_date=start, end_date=end)
    else:
        listed = used.list_by_billing_account_id(account, filter=days, grain_parameter="Daily")
        summaries = {"filter": days}
        lots = lots.list_by_billing_account(account, filter="source eq 'ConsumptionCommitment'")
        events = clients.consumption.events.list_by_billing_account(account)
    # The kind decides which class the library makes of an entry, and which figure it has.
    all_used = list(listed)
    plans = [one for one in all_used if one.kind == "SavingsPlan"]
    included = [one for one in all_used if one.kind == "IncludedQuantity"]
    asked = "properties/lookBackPeriod eq 'Last7Days' AND properties/term eq 'P1Y'"
    every = "properties/usage,properties/allRecommendationDetails"
    advice = list(clients.costs.benefit_recommendations.list(scope, filter=asked, expand=every))
    reserved = clients.consumption.reservations_summaries.list(scope, grain="daily", **summaries)
    detailed = clients.consumption.reservations_details.list(scope, **summaries)
    period = {"start_date": datetime.fromisoformat(f"{start}T00:00:00+00:00"), "end_date": datetime.fromisoformat(f"{end}T00:00:00+00:00")}
    order = models.BenefitUtilizationSummariesRequest(
        kind="Reservation", grain="Daily", billing_account_id=account, billing_profile_id=next(iter(profile), None), **period
    )
    summary, detail = clients.costs.generate_benefit_utilization_summaries_report, clients.costs.generate_reservation_details_report
    if profile:
        reports = [
            summary.begin_generate_by_billing_profile(account, *profile, order),
            detail.begin_by_billing_profile_id(account, *profile, start_date=start, end_date=end),
        ]
    else:
        reports = [
            summary.begin_generate_by_billing_account(account, order),
            detail.begin_by_billing_account_id(account, start_date=start, end_date=end),
        ]
    done = [report.result() for report in reports]
    return {
        "reports": [[one.status, urlsplit((getattr(one, "properties", None) or one).report_url).path] for one in done],
        "plans": [
            [one.kind, one.properties.benefit_id, one.properties.usage_date.date().isoformat(), plain(one.properties.avg_utilization_percentage)]
            for one in plans
        ],
        "included": [[one.properties.benefit_id, plain(one.properties.utilization_percentage)] for one in included],
        "reservations": [
            [one.reservation_id, one.usage_date.isoformat(), plain(one.used_hours), plain(one.reserved_hours)] for one in reserved
        ],
        "details": len([one.instance_id for one in detailed]),
        "recommendations": [
            [one.kind, one.properties.term, len(one.properties.all_recommendation_details.value), len(one.properties.usage.charges)]
            for one in advice
        ],
        "lots": [
            [one.source, one.organization_type, plain(one.closed_balance.value), one.expiration_date.isoformat()] for one in lots
        ],
        "events": [[one.event_type, plain(one.charges.value)] for one in events],
    }


def refusal(error: HttpResponseError) -> dict:
    return {"refused": error.status_code, "code": error.error.code, "message": error.error.message}


def asked(clients: Clients, scope: str, start: str, end: str) -> dict:
    try:
        costs = {kind: total(clients, scope, start, end, kind) for kind in ("ActualCost", "AmortizedCost")}
    except HttpResponseError as error:
        return refusal(error)
    tags = clients.consumption.tags.get(scope)
    answer = {
        "costs": costs,
        "forecast": forecast(clients, scope, datetime.now(timezone.utc).date()),
        "dimensions": dimensions(clients, scope),
        "tags": sorted(tag.key for tag in tags.tags),
        "budgets": budgets(clients, scope),
    }
    if scope.startswith("/subscriptions/"):
        answer["report"] = report(clients, scope, start, end)
    if "/billingAccounts/" in scope:
        answer["benefits"] = benefits(clients, scope, start, end)
    return answer


def main(start: str, end: str, scopes: list) -> dict:
    clients = Clients()
    listed = list(clients.subscriptions.list())
    return {
        "subscriptions": [[one.subscription_id, one.display_name, one.state] for one in listed],
        "one": clients.subscriptions.get(listed[0].subscription_id).display_name,
        "scopes": [asked(clients, scope, start, end) for scope in scopes],
    }


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit("usage: azure_sdk.py FROM TO SCOPE...")
    print(json.dumps(main(sys.argv[1], sys.argv[2], sys.argv[3:])))
