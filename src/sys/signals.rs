//! Signal handlers and alternate signal stacks.
