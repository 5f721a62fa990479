//! The cost tools against an independent calculation from the emulator's raw rows, and against what people do with them.

mod compared;
mod crowd;
mod dice;
mod figures;
mod investigation;
mod random;
mod raw;
mod rights;
