# Prepares headers and pages for Doxygen: plain comments become documentation.
#
# The first comment of a header describes the class that it names first ("MmapVectorStore: vectors of …"), if the header
# has this class; otherwise the file. A comment behind a declaration describes it. A comment behind the brace that ends
# a namespace, and a line of dashes, describe nothing. Names are shown without the inline namespace of the version.

# Doxygen ends a `span` at a single quote, but not a ``span``.
function spans(text,    parts, n, i, result) {
    n = split(text, parts, "`")
    if (n % 2 == 0 || text ~ /```/) return text
    result = parts[1]
    for (i = 2; i <= n; ++i) {
        if (i % 2 == 0) result = result (parts[i] ~ /'/ ? "``" parts[i] "``" : "`" parts[i] "`")
        else result = result parts[i]
    }
    return result
}

# Links of a page to files outside of the reference lead to the repository.
function links(text) {
    gsub(/\.md#[a-z0-9-]+\)/, ".md)", text)  # Doxygen has other anchors for headings
    gsub(/\]\((\.\.\/)*LICENSE\)/, "](" repository "/LICENSE)", text)
    while (match(text, /\]\((\.\.\/)*(bench|examples|tests|include|ports|\.github\/[A-Z])[^)]*\)/)) {
        target = substr(text, RSTART + 2, RLENGTH - 3)
        gsub(/\.\.\//, "", target)
        text = substr(text, 1, RSTART + 1) repository "/" target substr(text, RSTART + RLENGTH - 1)
    }
    return text
}

{ lines[NR] = $0 }

function is_comment(line) { return line ~ /^ *\/\/( |$)/ && line !~ /^ *\/\/ ---/ }

# "Dim: scalars of each row" before a template is not its summary.
function documented(line, in_header) {
    if (!in_header && line ~ /^\/\/ [A-Z][A-Za-z]*: /) sub(/\/\//, "// @details", line)
    sub(/\/\//, "///", line)
    return spans(line)
}

function code(line,    end) {
    sub(/^namespace mapvec::inline v[0-9_]+/, "namespace mapvec", line)
    if (line ~ /^ *\/\/ ---/ || line ~ /^ *}.*\/\/ namespace/) return line
    if (match(line, /[;,{}>)] +\/\/ /)) {
        end = RSTART + RLENGTH
        line = substr(line, 1, RSTART) " ///< " spans(substr(line, end))
    }
    return line
}

# True if the header has a class or a struct with this name.
function defines(name,    i) {
    for (i = 1; i <= NR; ++i)
        if (lines[i] ~ "^(class|struct) (MAPVEC_[A-Z_]+ )?" name "( final)?( [:{]|$)") return 1
    return 0
}

# The first sentence of the comment that ends before `end`. Sets `remainder` to the rest of its paragraph, and `rest` to
# the line behind the paragraph.
function first_sentence(end,    text) {
    for (rest = 1; rest < end && lines[rest] != "//"; ++rest) text = text (rest > 1 ? " " : "") substr(lines[rest], 4)
    remainder = ""
    if (match(text, /\. [A-Z]/)) {
        remainder = substr(text, RSTART + 2)
        text = substr(text, 1, RSTART)
    }
    sub(/:$/, ".", text)
    return spans(text)
}

function header(    end, name, brief, i) {
    for (end = 1; end <= NR && is_comment(lines[end]); ++end);
    print "/// @file"
    if (end == 1) return 1
    brief = first_sentence(end)
    print "/// @brief " brief
    name = match(lines[1], /^\/\/ [A-Za-z0-9_]+[:<]/) ? substr(lines[1], 4, RLENGTH - 4) : ""
    if (name != "" && defines(name)) {
        sub(/^[A-Za-z0-9_<>]+: /, "", brief)
        print "\n/// @class " scope name "\n/// @brief " toupper(substr(brief, 1, 1)) substr(brief, 2)
    }
    print "///"
    if (remainder != "") print "/// " spans(remainder)
    for (i = rest; i < end; ++i) print documented(lines[i], 1)
    print ""
    return end
}

END {
    if (FILENAME ~ /\.md$/) {
        for (i = 1; i <= NR; ++i) print links(spans(lines[i]))
        exit
    }
    scope = FILENAME ~ /\/io\// ? "mapvec::io::" : "mapvec::"
    for (i = header(); i <= NR; ++i) print is_comment(lines[i]) ? documented(lines[i]) : code(lines[i])
}
