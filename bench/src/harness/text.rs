//! Tables are built in a `String`, and writing to a `String` cannot fail.

/// Appends a formatted line, or an empty one.
macro_rules! line {
    ($out:expr) => { $out.push('\n') };
    ($out:expr, $($arg:tt)*) => {
        ::std::fmt::Write::write_fmt($out, format_args!("{}\n", format_args!($($arg)*)))
            .expect("a String takes everything")
    };
}

pub(crate) use line;

pub(crate) fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

/// A figure with this many decimals, or a dash.
pub(crate) fn figure(value: Option<f64>, decimals: usize) -> String {
    or_dash(value.map(|value| format!("{value:.decimals$}")))
}
