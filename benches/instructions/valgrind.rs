//! Runs a case under valgrind, and reads the totals in its output.

use std::process::{Command, Stdio};

/// The instructions of one call.
pub(crate) fn instructions(case: &str, few: u64, many: u64) -> Result<f64, String> {
    let count = |calls| {
        let text = output_of(
            "callgrind",
            &["--callgrind-out-file=/dev/null"],
            case,
            calls,
        )?;
        number_after(&text, "Collected : ")
    };
    Ok(each(count(few)?, count(many)?, many - few))
}

/// The allocations of one call, and their bytes.
pub(crate) fn allocations(case: &str, few: u64, many: u64) -> Result<(f64, f64), String> {
    let count = |calls| {
        let text = output_of("dhat", &["--dhat-out-file=/dev/null"], case, calls)?;
        // "Total: 1,234 bytes in 56 blocks"
        let bytes = number_after(&text, "Total: ")?;
        let total = text.split("Total: ").nth(1).unwrap_or_default();
        Ok::<_, String>((number_after(total, " bytes in ")?, bytes))
    };
    let (few_blocks, few_bytes) = count(few)?;
    let (many_blocks, many_bytes) = count(many)?;
    let calls = many - few;
    Ok((
        each(few_blocks, many_blocks, calls),
        each(few_bytes, many_bytes, calls),
    ))
}

fn each(few: u64, many: u64, calls: u64) -> f64 {
    many.saturating_sub(few) as f64 / calls as f64
}

pub(crate) fn is_there() -> Result<(), String> {
    let version = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    match version {
        Ok(status) if status.success() => Ok(()),
        _ => Err("valgrind is not installed (Debian: apt install valgrind)".to_owned()),
    }
}

fn output_of(tool: &str, options: &[&str], case: &str, calls: u64) -> Result<String, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .arg(format!("--tool={tool}"))
        .args(options)
        .arg(this)
        .args(["--run", case, &calls.to_string()])
        // Selects the same variants of memcpy and similar functions on all current processors.
        .env(
            "GLIBC_TUNABLES",
            "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-ERMS,-FSRM",
        )
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.success() {
        true => Ok(text),
        false => Err(format!("{case} failed under {tool}:\n{text}")),
    }
}

fn number_after(text: &str, mark: &str) -> Result<u64, String> {
    let rest = text.split(mark).nth(1).unwrap_or_default();
    let digits: String = rest
        .trim_start()
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == ',')
        .filter(char::is_ascii_digit)
        .collect();
    digits
        .parse()
        .map_err(|_| format!("the output of valgrind has no {mark:?}:\n{text}"))
}
