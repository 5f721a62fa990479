//! The policy in force: the built-in one, or a file's, followed.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use opentelemetry::metrics::Meter;
use telemetry::names;
use watched::{Content, WatchError, Watched};

use super::{Policy, PolicyError};

/// Where the policy comes from. Cheap to clone; clones see the same one.
#[derive(Clone)]
pub struct Policies(Source);

#[derive(Clone)]
enum Source {
    Fixed(Arc<Policy>),
    File(Arc<Watched<Policy>>),
}

impl Policies {
    /// A policy that stays as it is.
    pub fn fixed(policy: Policy) -> Self {
        Self(Source::Fixed(Arc::new(policy)))
    }

    /// The policy of a file, for these tools. What the file holds later counts once it is a policy.
    ///
    /// # Errors
    /// Names the file, the line and the fix.
    pub fn of_file(path: &Path, tools: &[&'static str]) -> Result<Self, PolicyError> {
        let file = path.display().to_string();
        let (name, tools) = (file.clone(), tools.to_vec());
        let parse = move |contents: &[Content]| {
            let text = contents.first().map_or(&[][..], |content| content.as_slice());
            Ok(Policy::of(&name, str::from_utf8(text)?, &tools)?)
        };
        let watched = Watched::load("policy file", vec![path.to_owned()], parse);
        watched.map(|watched| Self(Source::File(watched))).map_err(|error| PolicyError::of_start(file, error))
    }

    /// The policy to decide by now.
    pub fn current(&self) -> Arc<Policy> {
        match &self.0 {
            Source::Fixed(policy) => Arc::clone(policy),
            Source::File(watched) => watched.current(),
        }
    }

    /// Follows the file, if there is one. Never returns.
    pub(crate) async fn follow(&self) {
        match &self.0 {
            Source::Fixed(_) => std::future::pending().await,
            Source::File(watched) => Arc::clone(watched).follow().await,
        }
    }

    /// Shows in the metrics whether the file holds something else than what is in force.
    pub(crate) fn observe(&self, meter: &Meter) {
        if let Source::File(watched) = &self.0 {
            watched.observe(meter, names::GATEWAY_FILES_STALE);
        }
    }
}

/// What is followed, and what counts now.
impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = match &self.0 {
            Source::Fixed(_) => None,
            Source::File(watched) => Some(watched),
        };
        f.debug_struct("Policies").field("file", &file).field("current", &self.current()).finish()
    }
}

impl PolicyError {
    fn of_start(file: String, error: WatchError) -> Self {
        match error {
            WatchError::Unreadable { source, .. } => Self::Unreadable { file, source },
            WatchError::Unusable { reason, .. } => match reason.downcast::<Self>() {
                Ok(error) => *error,
                Err(reason) => Self::Syntax { file, text: reason.to_string() },
            },
            error => Self::Syntax { file, text: error.to_string() },
        }
    }
}
