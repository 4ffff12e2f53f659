"""How much money a pumped sign-up form costs under several guards: synthetic traffic, policies, scores."""
