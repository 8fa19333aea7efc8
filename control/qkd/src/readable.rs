//! Numbers in a readable form.

/// Six significant digits without trailing zeros. Very large or small numbers get a power of ten.
pub(crate) fn readable(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let magnitude = number.abs();
    if !(1e-4..1e9).contains(&magnitude) {
        return trimmed(&format!("{number:.5e}"));
    }
    let before_point = magnitude.log10().floor() as i32 + 1;
    let decimals = usize::try_from(6 - before_point).unwrap_or(0);
    trimmed(&format!("{number:.decimals$}"))
}

/// Removes trailing zeros of the fraction, before the exponent if there is one.
fn trimmed(text: &str) -> String {
    let (mantissa, exponent) = text.find('e').map_or((text, ""), |at| text.split_at(at));
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    format!("{mantissa}{exponent}")
}
