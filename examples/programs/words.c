/* The most frequent words of some text: of the files named as arguments, or of standard input.
 *
 *     words [-n COUNT] [FILE]...
 *
 * Built as a WASI program by
 *
 *     pip install ziglang
 *     python3 -m ziglang cc -target wasm32-wasi -O2 -s -o words.wasm words.c
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
    char *text;
    unsigned long count;
};

/* An open-addressed table whose size is a power of two. */
struct table {
    struct word *words;
    size_t size, used;
};

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) {
        fputs("words: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

static unsigned long hash(const char *text)
{
    unsigned long hash = 2166136261;
    while (*text)
        hash = (hash ^ (unsigned char)*text++) * 16777619;
    return hash;
}

static struct word *find(struct table *table, const char *text)
{
    size_t at = hash(text) & (table->size - 1);
    while (table->words[at].text && strcmp(table->words[at].text, text))
        at = (at + 1) & (table->size - 1);
    return &table->words[at];
}

static void grow(struct table *table)
{
    struct table larger = {allocate(table->size * 2, sizeof(struct word)), table->size * 2, table->used};
    for (size_t i = 0; i < table->size; i++)
        if (table->words[i].text)
            *find(&larger, table->words[i].text) = table->words[i];
    free(table->words);
    *table = larger;
}

static void add(struct table *table, const char *text)
{
    struct word *word = find(table, text);
    if (!word->text) {
        word->text = strcpy(allocate(strlen(text) + 1, 1), text);
        table->used++;
    }
    word->count++;
    if (table->used * 2 > table->size)
        grow(table);
}

static void read_words(struct table *table, FILE *file)
{
    char text[64];
    size_t length = 0;
    int c;
    do {
        c = getc(file);
        if (c != EOF && isalpha(c)) {
            if (length < sizeof text - 1)
                text[length++] = (char)tolower(c);
        } else if (length) {
            text[length] = 0;
            add(table, text);
            length = 0;
        }
    } while (c != EOF);
}

static int by_count(const void *a, const void *b)
{
    const struct word *left = a, *right = b;
    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return strcmp(left->text ? left->text : "", right->text ? right->text : "");
}

int main(int argc, char **argv)
{
    struct table table = {allocate(1024, sizeof(struct word)), 1024, 0};
    unsigned long count = 10;
    int arg = 1;
    if (argc > 2 && !strcmp(argv[1], "-n")) {
        count = strtoul(argv[2], NULL, 10);
        arg = 3;
    }
    if (arg == argc)
        read_words(&table, stdin);
    for (; arg < argc; arg++) {
        FILE *file = fopen(argv[arg], "r");
        if (!file) {
            fprintf(stderr, "words: %s: %s\n", argv[arg], strerror(errno));
            return 1;
        }
        read_words(&table, file);
        fclose(file);
    }
    qsort(table.words, table.size, sizeof(struct word), by_count);
    for (size_t i = 0; i < table.used && i < count; i++)
        printf("%7lu %s\n", table.words[i].count, table.words[i].text);
    return 0;
}
