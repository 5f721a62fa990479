//! Which service calls, and what it may do: decided before an assertion is looked at or the cache is asked.
//!
//! A service is known by its certificate (mutual TLS) or its user (unix socket), never by where it calls from. The
//! consumers file says what each may do; it is followed, and read anew for each call, so that a change of it holds on
//! connections that stand already. This module must not know gRPC, nor what is exchanged.

use std::path::Path;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter};
use proto::status::{ConsumerCause, Reason};
use telemetry::names;

use crate::resource::Resources;
pub(crate) use calls::MAX_CALLS;
use calls::{Call, CallsByName};
pub(crate) use peer::{InvalidCertificate, Peer, Transport};
use registry::{NoConsumer, Registry, Rules};
use watched::{Content, WatchError, Watched};

mod calls;
mod name;
mod peer;
mod registry;

/// The services that may call.
#[derive(Debug)]
pub(crate) struct Consumers {
    origin: Origin,
    refusals: Counter<u64>,
}

#[derive(Debug)]
enum Origin {
    File(Arc<Watched<Registry>>),
    BuiltIn(Arc<Registry>),
}

impl Consumers {
    /// Reads the consumers file; without one there is the one consumer `local`.
    ///
    /// # Errors
    /// [`WatchError`] names the file, the line, the consumer, the field and the fix.
    pub(crate) fn load(
        file: Option<&Path>,
        transport: Transport,
        resources: &Resources,
        meter: &Meter,
    ) -> Result<Self, WatchError> {
        let calls = CallsByName::default();
        let origin = match file {
            Some(path) => {
                let rules = Rules::new(path, transport, resources);
                let parse = move |contents: &[_]| {
                    let content = contents.first().map_or(&[][..], |content: &Content| content);
                    Ok(rules.parse(content, &calls)?)
                };
                let watched = Watched::load("consumers file", vec![path.to_owned()], parse)?;
                watched.observe(meter, names::BROKER_FILES_STALE);
                Origin::File(watched)
            }
            None => Origin::BuiltIn(Arc::new(Registry::built_in(&calls))),
        };
        Ok(Self { origin, refusals: meter.u64_counter(names::BROKER_CONSUMER_REFUSALS).build() })
    }

    /// Follows the consumers file, if there is one. Never returns.
    pub(crate) async fn follow(&self) {
        match &self.origin {
            Origin::File(watched) => Arc::clone(watched).follow().await,
            Origin::BuiltIn(_) => std::future::pending().await,
        }
    }

    /// Decides whether `peer` may do this now. What it gets counts as a call under way until it is dropped.
    ///
    /// # Errors
    /// [`ConsumerRefused`] says which of them is missing: being known, the right, or room for one more call.
    pub(crate) fn admit(&self, peer: Option<&Peer>, right: Right<'_>) -> Result<Admission, ConsumerRefused> {
        decide(&self.registry(), peer, right).inspect_err(|refused| self.report(peer, refused))
    }

    /// The consumer that `peer` is now, if any: by whom its connection counts.
    pub(crate) fn name_of(&self, peer: &Peer) -> Option<Arc<str>> {
        self.registry().find(peer).ok().map(|consumer| Arc::clone(&consumer.name))
    }

    /// Has what stands in the file now in force.
    #[cfg(test)]
    pub(crate) fn look_again(&self) {
        let Origin::File(watched) = &self.origin else { panic!("there is no file") };
        while watched.look() != watched::Look::Replaced {}
    }

    fn registry(&self) -> Arc<Registry> {
        match &self.origin {
            Origin::File(watched) => watched.current(),
            Origin::BuiltIn(registry) => Arc::clone(registry),
        }
    }

    fn report(&self, peer: Option<&Peer>, refused: &ConsumerRefused) {
        let (cause, consumer) = (refused.cause.as_str(), refused.consumer.as_deref());
        let mut attributes = vec![KeyValue::new(names::CAUSE, cause)];
        attributes.extend(consumer.map(|consumer| KeyValue::new(names::CONSUMER, consumer.to_owned())));
        self.refusals.add(1, &attributes);
        tracing::info!(cause, consumer, peer = peer.map(tracing::field::display), "consumer refused");
    }
}

/// What a consumer asks to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Right<'a> {
    /// To have tokens of a downstream resource, by its name.
    Resource(&'a str),
    /// To purge users.
    Purge,
    /// To learn what is of no user: every consumer may.
    Known,
}

/// A consumer that may do what it asked for: a call of it is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Admission {
    consumer: Arc<str>,
    _call: Call,
}

impl Admission {
    /// The consumer's name: one of the file, hence a bounded set.
    pub(crate) fn consumer(&self) -> &Arc<str> {
        &self.consumer
    }
}

/// A calling service that may not do what it asked for.
#[derive(Debug)]
pub(crate) struct ConsumerRefused {
    cause: Cause,
    /// Where it is known.
    consumer: Option<Arc<str>>,
    text: String,
}

impl ConsumerRefused {
    /// What is missing.
    pub(crate) fn cause(&self) -> Cause {
        self.cause
    }

    /// Who it is, where that is known.
    pub(crate) fn consumer(&self) -> Option<&str> {
        self.consumer.as_deref()
    }
}

impl std::fmt::Display for ConsumerRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ConsumerRefused {}

/// Why a calling service is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It lacks a right: metadata `cause` of the contract.
    NotAllowed(ConsumerCause),
    /// More calls at the same time than it may have: not a right, but a matter of time.
    Overloaded,
}

impl Cause {
    /// The name in metrics, and where it is a right in the contract.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed(cause) => cause.as_str(),
            Self::Overloaded => Reason::Overloaded.as_str(),
        }
    }
}

fn decide(registry: &Registry, peer: Option<&Peer>, right: Right<'_>) -> Result<Admission, ConsumerRefused> {
    let found = peer.ok_or(NoConsumer::Unknown).and_then(|peer| registry.find(peer));
    let consumer = found.map_err(|no_consumer| nobody(peer, no_consumer))?;
    let refused = |cause, text: &str| ConsumerRefused {
        cause,
        consumer: Some(Arc::clone(&consumer.name)),
        text: format!("the consumer `{}` {text}", consumer.name),
    };
    match right {
        Right::Resource(resource) if !consumer.may_ask_for(resource) => {
            return Err(refused(
                Cause::NotAllowed(ConsumerCause::Resource),
                "may not ask for this resource: the broker's operator grants it by `resources` in the consumers file",
            ));
        }
        Right::Purge if !consumer.may_purge => {
            return Err(refused(
                Cause::NotAllowed(ConsumerCause::Purge),
                "may not purge users: the broker's operator grants it by `purge` in the consumers file",
            ));
        }
        _ => {}
    }
    let call = consumer.calls.begin(consumer.max_concurrent).ok_or_else(|| {
        refused(Cause::Overloaded, "has more calls under way than it may have; try again shortly")
    })?;
    Ok(Admission { consumer: Arc::clone(&consumer.name), _call: call })
}

/// The peer may read its own names: they are what its operator compares with the file.
fn nobody(peer: Option<&Peer>, no_consumer: NoConsumer) -> ConsumerRefused {
    let who = peer.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    let (cause, text) = match no_consumer {
        NoConsumer::Unknown => (
            Cause::NotAllowed(ConsumerCause::UnknownConsumer),
            format!("the caller is known by {who}, which is not a consumer of this broker"),
        ),
        NoConsumer::Ambiguous => (
            Cause::NotAllowed(ConsumerCause::AmbiguousConsumer),
            format!(
                "the caller is known by {who}, which are several identities: a certificate must name one consumer, \
                 by one SPIFFE ID at most"
            ),
        ),
    };
    ConsumerRefused { cause, consumer: None, text }
}
