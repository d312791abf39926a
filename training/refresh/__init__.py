"""The one way back from training to the store: a trained encoder's space is filled, its banks saved, both compared."""
