-- Chunks of TimescaleDB are made, analyzed and turned into columns by itself: nothing changes here.
SELECT;
