"""What a run leaves behind for people and programs: predictions.csv, report.html and run.json."""
