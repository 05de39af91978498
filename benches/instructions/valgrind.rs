//! Runs a case under valgrind, and reads the totals that it prints.

use std::process::{Command, Stdio};

/// What a call adds, in instructions.
pub(crate) fn instructions(case: &str, few: u64, many: u64) -> Result<f64, String> {
    let count = |calls| {
        let told = told(
            "callgrind",
            &["--callgrind-out-file=/dev/null"],
            case,
            calls,
        )?;
        number_behind(&told, "Collected : ")
    };
    Ok(each(count(few)?, count(many)?, many - few))
}

/// What a call adds, in allocations and in bytes that were allocated.
pub(crate) fn allocations(case: &str, few: u64, many: u64) -> Result<(f64, f64), String> {
    let count = |calls| {
        let told = told("dhat", &["--dhat-out-file=/dev/null"], case, calls)?;
        // "Total: 1,234 bytes in 56 blocks"
        let bytes = number_behind(&told, "Total: ")?;
        let total = told.split("Total: ").nth(1).unwrap_or_default();
        Ok::<_, String>((number_behind(total, " bytes in ")?, bytes))
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
        _ => Err("valgrind is missing: it is in the Debian package of that name".to_owned()),
    }
}

fn told(tool: &str, options: &[&str], case: &str, calls: u64) -> Result<String, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .arg(format!("--tool={tool}"))
        .args(options)
        .arg(this)
        .args(["--run", case, &calls.to_string()])
        // The same variant of memcpy and its kin on every processor that is in use.
        .env(
            "GLIBC_TUNABLES",
            "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-ERMS,-FSRM",
        )
        .output()
        .map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.success() {
        true => Ok(told),
        false => Err(format!("{case} failed under {tool}:\n{told}")),
    }
}

fn number_behind(text: &str, mark: &str) -> Result<u64, String> {
    let rest = text.split(mark).nth(1).unwrap_or_default();
    let digits: String = rest
        .trim_start()
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == ',')
        .filter(char::is_ascii_digit)
        .collect();
    digits
        .parse()
        .map_err(|_| format!("valgrind did not say {mark:?}:\n{text}"))
}
