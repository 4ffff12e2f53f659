"""What operators and machines ask: is it alive, is it ready, what can it do."""
