"""The recipe that makes edgeguard's two plate models: rendered plates, real pictures, training, export, evaluation."""
