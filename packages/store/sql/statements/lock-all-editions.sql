-- As writers do it for some rules, and in the same order.
SELECT edition FROM editions ORDER BY edition FOR UPDATE
