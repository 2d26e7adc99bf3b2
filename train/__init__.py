"""The companion command: digits in, a model folder out. It imports `batch_classify`, never the other way."""
