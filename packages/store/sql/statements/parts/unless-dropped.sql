-- What comes of a dropped edition is for those windows alone that it is still served for.
WHERE NOT EXISTS (
  SELECT FROM editions AS gone
  WHERE gone.edition = given.edition AND gone.dropped AND NOT EXISTS (
    SELECT FROM served AS shown
    WHERE shown.edition = gone.edition AND shown.range @> given.start
  )
)
