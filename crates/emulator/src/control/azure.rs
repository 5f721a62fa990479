//! The control API of Azure Resource Manager: quotas, raw usage rows, budgets, tag inheritance, planted causes.

use std::sync::Arc;

use axum::extract::{Query, State as Shared};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::{done, refused};
use crate::arm::costs::{Inheritance, Planted};
use crate::arm::state::State;
use crate::arm::{raw, throttle};
use crate::config::Quotas;

type App = Shared<Arc<State>>;

pub(super) fn router(arm: Arc<State>) -> Router {
    Router::new()
        .route("/_emulator/quotas", get(quotas).put(set_quotas))
        .route("/_emulator/foreign-queries", post(foreign_queries))
        .route("/_emulator/rows", get(rows))
        .route("/_emulator/budgets", get(budgets).put(set_budgets))
        .route("/_emulator/tag-inheritance", get(inheritance).put(set_inheritance))
        .route("/_emulator/planted", get(planted).put(set_planted))
        .with_state(arm)
}

async fn quotas(Shared(arm): App) -> Json<Quotas> {
    Json(arm.quotas())
}

async fn set_quotas(Shared(arm): App, Json(quotas): Json<Quotas>) -> Response {
    arm.set_quotas(quotas);
    done()
}

/// What another program of the tenant asks of Cost Management.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForeignQueries {
    query_units: u32,
}

async fn foreign_queries(Shared(arm): App, Json(queries): Json<ForeignQueries>) -> Response {
    throttle::taken_elsewhere(&arm, queries.query_units);
    done()
}

async fn rows(Shared(arm): App, Query(order): Query<raw::Order>) -> Response {
    match raw::rows(&arm, &order) {
        Ok(rows) => Json(rows).into_response(),
        Err(error) => refused(StatusCode::BAD_REQUEST, error.message()),
    }
}

async fn budgets(Shared(arm): App) -> Json<Vec<Value>> {
    Json(arm.budgets().orders())
}

async fn set_budgets(Shared(arm): App, Json(orders): Json<Vec<Value>>) -> Response {
    match arm.set_budgets(orders) {
        Ok(()) => done(),
        Err(error) => refused(StatusCode::BAD_REQUEST, error),
    }
}

async fn inheritance(Shared(arm): App) -> Json<Inheritance> {
    Json(arm.view().inheritance())
}

async fn set_inheritance(Shared(arm): App, Json(to): Json<Inheritance>) -> Response {
    arm.switch_inheritance(to);
    done()
}

async fn planted(Shared(arm): App) -> Json<Vec<Planted>> {
    Json(arm.view().planted())
}

async fn set_planted(Shared(arm): App, Json(orders): Json<Vec<Planted>>) -> Response {
    match arm.plant(orders) {
        Ok(()) => done(),
        Err(nothing) => refused(StatusCode::BAD_REQUEST, nothing),
    }
}
