//! An answer of Azure's, letter by letter: refusals and quirks that were reported of it, and pages of whatever stands in
//! front.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

/// What a part of Azure answers to its next operations, in place of what was asked for. The caller is proven first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OddAnswer {
    /// Whose answer.
    pub of: Answering,
    /// The status.
    pub status: u16,
    /// The body as it is sent.
    pub body: String,
    /// Its media type.
    pub content_type: String,
    /// A page of somebody else's: without the headers that ARM stamps on every answer, the request id among them.
    pub foreign: bool,
    /// How many operations; default until switched off.
    pub times: Option<u32>,
}

/// A part of Azure that answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answering {
    /// Cost Management: queries, and reports until they are done.
    CostManagement,
    /// The list of subscriptions.
    Subscriptions,
    /// Blob storage: the files of reports.
    Blob,
}

impl Default for OddAnswer {
    fn default() -> Self {
        Self {
            of: Answering::CostManagement,
            status: 200,
            body: String::new(),
            content_type: "application/json; charset=utf-8".to_owned(),
            foreign: false,
            times: None,
        }
    }
}

impl OddAnswer {
    pub(crate) fn response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = (status, self.body).into_response();
        if let Ok(value) = HeaderValue::from_str(&self.content_type) {
            response.headers_mut().insert(CONTENT_TYPE, value);
        }
        if self.foreign {
            response.extensions_mut().insert(Foreign);
        }
        response
    }
}

/// Marks a response that is not ARM's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Foreign;
