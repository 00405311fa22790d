"""Checks of everything around the program: would ``run`` succeed here?"""
