//! Numbers that a seed decides.

use std::f64::consts::TAU;

/// A generator of numbers (SplitMix64): the same for the same seed.
pub struct Seeded(u64);

impl Seeded {
    /// Begins with a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of at least `from` and below `to`, each as likely.
    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        let bits = u32::try_from(self.next_number() >> 32).unwrap();
        from + (to - from) * f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }

    /// A number of the normal distribution of deviation 1 around 0 (Box and Muller's way).
    pub fn normal(&mut self) -> f64 {
        let length = (-2.0 * (1.0 - self.between(0.0, 1.0)).ln()).sqrt();
        length * (TAU * self.between(0.0, 1.0)).cos()
    }
}
