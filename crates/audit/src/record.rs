//! What a record says: one flat schema, whose version is [`VERSION`]. `docs/audit.schema.json` is the same for machines.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::head::Head;
use crate::text::Text;

/// The version of the schema, raised when a member changes its meaning or goes away.
pub(crate) const VERSION: u8 = 1;
/// The most ids of one call that are kept.
const MAX_REQUEST_IDS: usize = 8;

/// Who asks: a directory's user, never by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// The tenant: `tid`.
    pub tenant: Uuid,
    /// The user: `oid`.
    pub oid: Uuid,
    /// The application that the user signed in with; none where nobody is signed in, as with a purge.
    pub client: Option<Uuid>,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Call {
    operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Text>,
}

impl Call {
    /// A call of `operation`, for example `tools/call`.
    pub fn new(operation: &'static str) -> Self {
        Self { operation, ..Self::default() }
    }

    /// By this person, or about them.
    #[must_use]
    pub fn by(mut self, person: Person) -> Self {
        (self.tenant, self.oid, self.client) = (Some(person.tenant), Some(person.oid), person.client);
        self
    }

    /// By this calling service.
    #[must_use]
    pub fn of_consumer(mut self, name: &str) -> Self {
        self.consumer = Some(name.into());
        self
    }

    /// Of this tool.
    #[must_use]
    pub fn tool(mut self, name: &str) -> Self {
        self.tool = Some(name.into());
        self
    }

    /// For this downstream resource.
    #[must_use]
    pub fn resource(mut self, name: &str) -> Self {
        self.resource = Some(name.into());
        self
    }

    /// Of this Azure subscription.
    #[must_use]
    pub fn subscription(mut self, id: Option<Uuid>) -> Self {
        self.subscription = id;
        self
    }

    /// Within this trace.
    #[must_use]
    pub fn trace(mut self, id: Option<&str>) -> Self {
        self.trace = id.map(Text::new);
        self
    }
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    code: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requests: Vec<Text>,
}

impl Outcome {
    /// It ended with this code: `ok`, or the error's.
    pub fn new(code: &str) -> Self {
        Self { code: code.into(), bytes: None, rows: None, requests: Vec::new() }
    }

    /// The answer had so many bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: Option<u64>) -> Self {
        self.bytes = bytes;
        self
    }

    /// The answer had so many rows.
    #[must_use]
    pub fn rows(mut self, rows: Option<u64>) -> Self {
        self.rows = rows;
        self
    }

    /// These were the requests, by the ids that Azure or Entra ID gave them. Of more than eight the last ones are kept,
    /// with `…` in front.
    #[must_use]
    pub fn requests<'a>(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        let mut ids: Vec<_> = ids.into_iter().map(Text::new).collect();
        if ids.len() > MAX_REQUEST_IDS {
            ids.drain(..=ids.len() - MAX_REQUEST_IDS);
            ids.insert(0, Text::new("…"));
        }
        self.requests = ids;
        self
    }
}

/// A record, without its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Body {
    /// The process began, perhaps in a file that holds a chain already.
    Start {
        version: Text,
        config: Text,
        #[serde(flatten)]
        after: Option<After>,
    },
    /// A call is let through. What follows happens after this was written.
    Decision {
        call: u64,
        #[serde(flatten)]
        what: Call,
    },
    /// How that call ended.
    Outcome {
        call: u64,
        #[serde(flatten)]
        what: Call,
        #[serde(flatten)]
        outcome: Outcome,
        ms: u64,
    },
    /// A call of a person who is known is not let through.
    Refusal {
        #[serde(flatten)]
        what: Call,
        code: Text,
    },
    /// Refusals of one minute that anybody can cause, and of nobody who is known.
    Summary {
        code: Text,
        #[serde(skip_serializing_if = "Option::is_none")]
        consumer: Option<Text>,
        count: u64,
        since: Timestamp,
    },
    /// Records were lost: there was no room for them.
    Gap { lost: u64, since: Timestamp },
    /// The process stopped in order. Nothing follows.
    End {},
}

impl Body {
    /// The name of its kind, as in the record.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Decision { .. } => "decision",
            Self::Outcome { .. } => "outcome",
            Self::Refusal { .. } => "refusal",
            Self::Summary { .. } => "summary",
            Self::Gap { .. } => "gap",
            Self::End {} => "end",
        }
    }
}

/// The last record that a start found in its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct After {
    #[serde(rename = "after_chain")]
    chain: Uuid,
    #[serde(rename = "after_seq")]
    seq: u64,
    #[serde(rename = "after_hash")]
    hash: String,
}

impl From<Head> for After {
    fn from(head: Head) -> Self {
        Self { chain: head.chain, seq: head.seq, hash: head.hash }
    }
}
