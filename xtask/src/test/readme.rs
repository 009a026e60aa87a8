//! What the README shows is run: the demo, and each snippet as it stands there. The Rust snippet is a doc test of the crate `spook`.

use super::step::{Context, Outcome, Step};
use crate::demo::build::{self, Built};
use std::fs;
use std::path::Path;

/// The steps.
pub const STEPS: &[Step] = &[
    Step { name: "README snippet in C", lang: "c", fast: false, run: c },
    Step { name: "README snippet in Python", lang: "python", fast: false, run: python },
    Step { name: "demo", lang: "python", fast: false, run: |context| demo(context, "demo", "tcp") },
    Step { name: "demo over a unix socket", lang: "python", fast: false, run: |context| demo(context, "demo over a unix socket", "unix") },
];

fn demo(context: &Context, name: &str, over: &str) -> Outcome {
    let mut command = context.cargo(["run", "--quiet", "--package", "xtask", "--", "demo", "--over", over]);
    Outcome::of(name, &context.run(name, &mut command))
}

fn c(context: &Context) -> Outcome {
    check("README snippet in C", || {
        let built = build::c_library(&context.root, false)?;
        let source = built.folder.join("snippet.c");
        write(&source, &snippet(&context.root, "c")?)?;
        let program = built.folder.join("snippet");
        built.compile(&source, &program)?;
        expect(context, "README snippet in C", &mut std::process::Command::new(program), r#"{"mode":"heat","target":22.0}"#)
    })
}

fn python(context: &Context) -> Outcome {
    check("README snippet in Python", || {
        let built: Built = build::everything(&context.root, false)?;
        let source = built.folder.join("snippet.py");
        write(&source, &snippet(&context.root, "python")?)?;
        expect(context, "README snippet in Python", &mut built.python(&source), "{'mode': 'heat', 'target': 22.0}")
    })
}

fn check(name: &str, work: impl FnOnce() -> Result<(), String>) -> Outcome {
    work().map_or_else(|reason| Outcome::fail(name, reason), |()| Outcome::pass())
}

/// The one block of the README in a language.
fn snippet(root: &Path, language: &str) -> Result<String, String> {
    let readme = fs::read_to_string(root.join("README.md")).map_err(|error| format!("README.md: {error}"))?;
    block(&readme, language).map(str::to_owned).ok_or_else(|| format!("README.md has no block in {language}"))
}

fn block<'t>(text: &'t str, language: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("```{language}\n"))?;
    Some(rest.split_once("```")?.0)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn expect(context: &Context, name: &str, command: &mut std::process::Command, line: &str) -> Result<(), String> {
    let ran = context.run(name, command);
    if !ran.success {
        return Err(format!("{}\n{}{}", ran.problem, ran.stdout, ran.stderr));
    }
    if ran.stdout.lines().any(|printed| printed == line) { Ok(()) } else { Err(format!("it did not print {line}, but:\n{}", ran.stdout)) }
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn a_block_is_what_stands_between_its_fences() {
        let text = "x\n```c\nint main;\n```\n```python\npass\n```\n";
        assert_eq!(block(text, "c"), Some("int main;\n"));
        assert_eq!(block(text, "python"), Some("pass\n"));
        assert_eq!(block(text, "rust"), None);
    }
}
