"""From images to rows and vectors of a store: plan, decode, embed, commit."""
