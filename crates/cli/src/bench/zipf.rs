//! Numbers by Zipf's law: number `k` (from 0) with a probability that falls as `(k + 1)^-exponent`.
//!
//! Drawn by rejection-inversion, in constant time and memory for any keyspace (Hoermann and Derflinger, "Rejection-inversion to
//! generate variates from monotone discrete distributions", 1996).

/// A distribution, prepared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zipf {
    count: f64,
    exponent: f64,
    low: f64,
    high: f64,
    shift: f64,
}

impl Zipf {
    /// Numbers below `count`, which must not be 0.
    pub(super) fn new(count: u64, exponent: f64) -> Zipf {
        let mut zipf = Zipf { count: count as f64, exponent, low: 0.0, high: 0.0, shift: 0.0 };
        zipf.low = zipf.integral(1.5) - 1.0;
        zipf.high = zipf.integral(zipf.count + 0.5);
        zipf.shift = 2.0 - zipf.inverse(zipf.integral(2.5) - zipf.weight(2.0));
        zipf
    }

    /// The number for these draws, each a uniform random word, of which a few are used.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 1 to the count"
    )]
    pub(super) fn draw(&self, mut word: impl FnMut() -> u64) -> u64 {
        loop {
            let uniform = (word() >> 11) as f64 / (1_u64 << 53) as f64;
            let at = self.high + uniform * (self.low - self.high);
            let exact = self.inverse(at);
            let number = exact.round().clamp(1.0, self.count);
            if number - exact <= self.shift || at >= self.integral(number + 0.5) - self.weight(number) {
                return number as u64 - 1;
            }
        }
    }

    fn weight(&self, x: f64) -> f64 {
        (-self.exponent * x.ln()).exp()
    }

    /// The integral of the weight.
    fn integral(&self, x: f64) -> f64 {
        let power = (1.0 - self.exponent) * x.ln();
        if power.abs() < 1e-8 { x.ln() * (1.0 + power / 2.0) } else { x.ln() * power.exp_m1() / power }
    }

    fn inverse(&self, x: f64) -> f64 {
        let power = (x * (1.0 - self.exponent)).max(-1.0);
        if power.abs() < 1e-8 { (x * (1.0 - power / 2.0)).exp() } else { (x * power.ln_1p() / power).exp() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_as_often_as_the_law_says() {
        for exponent in [0.8, 1.0, 1.2] {
            let (zipf, mut state, draws) = (Zipf::new(1_000, exponent), 7_u64, 400_000);
            let mut counts = vec![0_u32; 1_000];
            for _ in 0..draws {
                let number = zipf.draw(|| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state ^ state >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
                });
                counts[usize::try_from(number).unwrap()] += 1;
            }
            let sum: f64 = (1..=1_000).map(|rank| f64::from(rank).powf(-exponent)).sum();
            for rank in [1_u32, 2, 3, 10, 100] {
                let expected = f64::from(draws) * f64::from(rank).powf(-exponent) / sum;
                let found = f64::from(counts[rank as usize - 1]);
                assert!(
                    (found - expected).abs() < 5.0 * expected.sqrt() + 5.0,
                    "{exponent} {rank}: {found} {expected}"
                );
            }
            assert!(counts[900..].iter().sum::<u32>() > 0);
        }
    }
}
