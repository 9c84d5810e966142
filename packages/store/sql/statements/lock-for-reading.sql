LOCK TABLE samples, histograms, exemplars, windows IN ACCESS SHARE MODE
