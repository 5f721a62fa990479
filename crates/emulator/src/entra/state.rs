//! What Entra keeps between two requests of a sign-in: codes and refresh tokens.

use std::sync::{Arc, Mutex};

use super::authorize::code::Code;
use super::user_tokens::RefreshToken;
use crate::bounded::Bounded;
use crate::world::World;

const MOST_CODES: usize = 10_000;
const MOST_REFRESH_TOKENS: usize = 100_000;

/// What Entra's handlers share. Locks are held for look-ups alone, never over an await.
pub(crate) struct State {
    pub(crate) world: Arc<World>,
    pub(crate) codes: Mutex<Bounded<Code>>,
    pub(crate) refresh_tokens: Mutex<Bounded<RefreshToken>>,
}

impl State {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self {
            world,
            codes: Mutex::new(Bounded::new(MOST_CODES)),
            refresh_tokens: Mutex::new(Bounded::new(MOST_REFRESH_TOKENS)),
        }
    }
}
