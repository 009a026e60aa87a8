//! What cbindgen writes, as a person would have written it.

const WIDTH: usize = 140;

/// Comments of one line on one line, long ones wrapped, negative numbers in parentheses, no more than one empty line.
pub fn polished(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| parenthesised(line.trim_end())).collect();
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = &lines[at];
        if let [open, middle, close, ..] = &lines[at..]
            && open.trim() == "/**"
            && close.trim() == "*/"
            && let Some(words) = middle.trim_start().strip_prefix("* ")
            && open.len() + words.len() + 4 <= WIDTH
        {
            out.push(format!("{} {words} */", open.trim_end()));
            at += 3;
            continue;
        }
        let is_second_empty = line.is_empty() && out.last().is_some_and(String::is_empty);
        if !is_second_empty {
            wrap(line, &mut out);
        }
        at += 1;
    }
    out.join("\n") + "\n"
}

/// A negative number in a macro could become part of what stands before it.
fn parenthesised(line: &str) -> String {
    match line.split_once(" -") {
        Some((name, digits)) if name.starts_with("#define ") && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{name} (-{digits})")
        }
        _ => line.to_owned(),
    }
}

/// Breaks a line of a comment that is too long.
fn wrap(line: &str, out: &mut Vec<String>) {
    let indent = line.len() - line.trim_start().len();
    let Some(words) = line.trim_start().strip_prefix("* ").filter(|_| line.len() > WIDTH) else {
        out.push(line.to_owned());
        return;
    };
    let start = format!("{}*", " ".repeat(indent));
    let mut current = start.clone();
    for word in words.split(' ') {
        if current.len() + 1 + word.len() > WIDTH {
            out.push(std::mem::replace(&mut current, start.clone()));
        }
        current += " ";
        current += word;
    }
    out.push(current);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_comments_take_one_line_and_long_ones_are_wrapped() {
        assert_eq!(polished("/**\n * A.\n */\n\n\nint a;  \n"), "/** A. */\n\nint a;\n");
        assert_eq!(polished("  /**\n   * A.\n   */\n"), "  /** A. */\n");
        let long = format!("/**\n * {}\n */\n", "word ".repeat(50).trim_end());
        let text = polished(&long);
        assert!(text.lines().count() == 4 && text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert_eq!(text.matches("word").count(), 50);
    }

    #[test]
    fn negative_constants_get_parentheses() {
        assert_eq!(polished("#define A -1\n#define B 2\n#define C x -y\n"), "#define A (-1)\n#define B 2\n#define C x -y\n");
    }
}
