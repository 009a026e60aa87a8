//! Figures: the middle of many, and how they are written.

/// Figures of one thing, measured again and again.
#[derive(Clone, Debug, Default)]
pub struct Figures(Vec<f64>);

impl Figures {
    /// Adds one.
    pub fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The figure below which the given share of all lies: 0.5 for the median. Not a number if there are none.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let index = (sorted.len() as f64 * share) as usize;
        sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    }

    /// The median.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The median with the smallest and the largest, so that noise shows: `310 ns [305-402]`.
    pub fn shown(&self, write: impl Fn(f64) -> String) -> String {
        format!("{} [{}-{}]", write(self.median()), write(self.quantile(0.0)), write(self.quantile(1.0)))
    }
}

impl FromIterator<f64> for Figures {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Figures {
        Figures(figures.into_iter().collect())
    }
}

/// Nanoseconds, in the unit that reads best.
pub fn time(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 10_000.0 => (ns, "ns"),
        ns if ns < 10_000_000.0 => (ns / 1e3, "us"),
        ns if ns < 10_000_000_000.0 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    if value < 100.0 && unit != "ns" { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// A whole number with its thousands set apart.
pub fn count(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number <= -0.5 { format!("-{text}") } else { text }
}

/// Bytes.
pub fn bytes(number: f64) -> String {
    format!("{} B", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        let figures: Figures = [9.0, 1.0, 5.0].into_iter().collect();
        assert_eq!((figures.median(), figures.quantile(0.0), figures.quantile(1.0), figures.len()), (5.0, 1.0, 9.0, 3));
        assert_eq!(figures.shown(|figure| format!("{figure}")), "5 [1-9]");
        assert!(Figures::default().median().is_nan());
    }

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!([time(420.4), time(12_345.0), time(1.5e9), time(2.0e10)], ["420 ns", "12.3 us", "1500 ms", "20.0 s"]);
        assert_eq!([count(0.0), count(999.0), count(1_234_567.0), count(-1000.0)], ["0", "999", "1,234,567", "-1,000"]);
    }
}
