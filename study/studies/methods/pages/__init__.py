"""What people look at of the methods: in comes the record, out go tables and the figure."""
